// The login view.

import { send, target } from "../api.js";
import { field, fill, h } from "../dom.js";
import { t } from "../words.js";

export async function show(root, [then], context) {
  const name = h("input", { name: "name", autocomplete: "username", required: true, autocapitalize: "none", maxlength: 32 });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("login.button"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send("POST", "/api/login", { name: name.value.trim(), password: password.value });
      history.replaceState(null, "", target(then ?? ""));
      await context.refresh();
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      password.value = "";
      password.focus();
    } finally {
      button.disabled = false;
    }
  };
  fill(
    root,
    h("form", { class: "card narrow", on: { submit } },
      h("h1", {}, t("login.title")),
      field(t("login.name"), name),
      field(t("login.password"), password),
      said,
      button,
      h("p", { class: "soft" }, t("login.hint"))),
  );
  name.focus();
}
