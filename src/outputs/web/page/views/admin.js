// Admin views: users, tokens.

import { get, send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { roleName, t } from "../words.js";

const ROLES = ["operator", "reviewer", "admin"];

const choice = (chosen) => h("select", {}, ROLES.map((role) => h("option", { value: role, selected: role === chosen }, roleName(role))));

// A card whose `act` runs something that may fail, shows the error, and reloads the list.
function card(title, list) {
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const place = h("div", { class: "wide" });
  const act = async (work) => {
    try {
      await work();
      said.hidden = true;
      fill(place, await list(act));
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
    }
  };
  return { said, place, act, element: h("section", { class: "card" }, h("h2", {}, title), place, said) };
}

export async function users(context) {
  const { element, act } = card(t("users.title"), async (act) => {
    const { users } = await get("/api/users");
    return h("table", { class: "table left" }, h("tbody", {}, users.map((user) => row(user, act))));
  });
  function row({ name, role, enabled }, act) {
    const change = (body) => act(() => send("PATCH", `/api/users/${encodeURIComponent(name)}`, body));
    const roles = choice(role);
    roles.setAttribute("aria-label", t("users.role", { name }));
    roles.addEventListener("change", () => change({ role: roles.value }));
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, roles),
      h("td", {}, h("button", { class: "button small", disabled: name === context.me.name, on: { click: () => change({ enabled: !enabled }) } }, t(enabled ? "users.disable" : "users.enable"))));
  }
  const name = h("input", { required: true, maxlength: 32, autocomplete: "off", autocapitalize: "none" });
  const password = h("input", { type: "password", required: true, minlength: 12, autocomplete: "new-password" });
  const role = choice("operator");
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await send("POST", "/api/users", { name: name.value, role: role.value, password: password.value });
      name.value = password.value = "";
    });
  };
  element.append(h("form", { class: "search", on: { submit } }, field(t("login.name"), name), field(t("users.newRole"), role), field(t("login.password"), password, t("users.password")), h("button", { class: "button" }, t("users.add"))));
  await act(async () => {});
  return element;
}

export async function tokens() {
  const secret = h("p", { class: "hash good", hidden: true });
  const { element, act } = card(t("tokens.title"), async (act) => {
    const { tokens } = await get("/api/tokens");
    return h("table", { class: "table left" }, h("tbody", {}, tokens.map(({ name, role }) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, roleName(role)),
      h("td", {}, h("button", { class: "button small", on: { click: () => act(() => send("DELETE", `/api/tokens/${encodeURIComponent(name)}`)) } }, t("tokens.remove")))))));
  });
  const name = h("input", { required: true, maxlength: 32, autocomplete: "off" });
  const role = choice("operator");
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      const { token } = await send("POST", "/api/tokens", { name: name.value, role: role.value });
      fill(secret, `${t("tokens.once")} ${token}`);
      secret.hidden = false;
      name.value = "";
    });
  };
  element.append(secret, h("form", { class: "search", on: { submit } }, field(t("login.name"), name), field(t("users.newRole"), role), h("button", { class: "button" }, t("tokens.add"))));
  await act(async () => {});
  return element;
}
