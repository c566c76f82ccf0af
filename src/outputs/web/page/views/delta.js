// The delta check: what changed since the latest signed result of the patient, and why one wants to see that one.

import { send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { className, date, number, t } from "../words.js";

// The note above a result; nothing where nothing changed.
export function changed(detail) {
  const delta = detail.delta;
  if (!delta || delta.changes.length === 0) return null;
  const line = ({ group, class: code, before, now }) => h("li", {}, t("delta.change", {
    what: group ? t(`group.${group}`) : className(code), before: number(before[0], 0), now: number(now[0], 0),
  }));
  return h("section", { class: "notice delta" },
    h("p", {}, h("b", {}, t("delta.since", { at: date(delta.started), n: number(delta.result), sample: delta.sample }))),
    h("ul", { class: "plain" }, delta.changes.map(line)),
    h("a", { class: "button", href: `#/compare/${delta.session}/${detail.id}` }, t("delta.beside")));
}

// Whether two results are of one patient while one of them can still be changed: the earlier one must not lead the review.
export function biases(details) {
  const one = details.some((a) => details.some((b) => a.id !== b.id && (a.sample === b.sample || a.delta?.session === b.id)));
  return one && details.some((detail) => detail.status === "preliminary");
}

// Asks for the reason, notes it in the trail, and then shows them.
export function askReason(root, [a, b], show) {
  const reason = h("textarea", { rows: 2, maxlength: 500, required: true });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("delta.show"));
  const open = a.status === "preliminary" ? a : b;
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.hidden = true;
    try {
      await send("POST", `/api/sessions/${open.id}/compare`, { with: open === a ? b.id : a.id, reason: reason.value });
      show();
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      button.disabled = false;
    }
  };
  fill(root,
    h("h1", {}, t("compare.title")),
    h("form", { class: "card", id: "why", on: { submit } },
      h("p", {}, t("delta.bias")),
      field(t("delta.reason"), reason),
      said, h("div", { class: "buttons" }, button)));
}
