// Two reviewers: who signed first, on which cells the second differs, and handing the result back.

import { send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { className, date, number, t } from "../words.js";

const first = (detail) => detail.reviewed_result?.first_reviewer ?? null;

// Whether this person signed first and another one has to sign now.
export function hasSigned(detail, context) {
  const one = first(detail);
  return Boolean(one && !one.handed_back && !detail.signature && one.by === context.me.name);
}

// Above the result: that it waits, or what the two said.
export function secondLook(detail) {
  const one = first(detail);
  if (!one) return !detail.signature && detail.needs_second && h("p", { class: "notice" }, t("second.needed"));
  const signed = { by: one.by, at: date(one.at) };
  const state = detail.signature ? "second.both" : one.handed_back ? "second.handedBack" : "second.waits";
  const back = one.handed_back;
  return h("section", { class: "notice second" },
    h("p", {}, h("b", {}, t(state, { ...signed, second: detail.signature?.by ?? back?.by ?? "", when: back ? date(back.at) : "" }))),
    one.comment && h("blockquote", {}, one.comment),
    back && h("blockquote", {}, back.comment),
    differences(detail, one));
}

// The cells on which the two differ, one a line.
function differences(detail, { differs, by, handed_back: back }) {
  if (differs.length === 0) return !back && h("p", {}, t("second.same"));
  const name = (code, own) => h("td", {}, own && h("b", {}, `${own.name} (${own.code}), `), className(code), " ", h("abbr", { class: "code" }, code));
  const column = (words) => h("th", { scope: "col" }, words);
  return [
    h("p", {}, t("second.differ", { n: number(differs.length) })),
    h("div", { class: "wide" }, h("table", { class: "table left differs" },
      h("thead", {}, h("tr", {}, column(t("second.cell")), column(t("second.first", { by })), column(t("second.second")), column(t("result.program")))),
      h("tbody", {}, differs.map((one) => h("tr", {},
        h("th", { scope: "row" }, h("img", { src: `/api/sessions/${detail.id}/cells/${one.cell}/crop.jpg`, alt: "", width: 48, height: 48, loading: "lazy" }), ` ${one.cell}`),
        name(one.first, one.first_own), name(one.second, one.second_own), name(one.program)))))),
  ];
}

// For the second reviewer: hand the result back instead of signing.
export function handingBack(detail, context) {
  const one = first(detail);
  if (!one || one.handed_back || detail.signature || !context.may("reviewer") || one.by === context.me.name) return null;
  const comment = h("textarea", { rows: 2, maxlength: 2000, required: true });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button" }, t("second.back"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.hidden = true;
    try {
      await send("POST", `/api/sessions/${detail.id}/hand-back`, { comment: comment.value });
      context.announce(t("second.backDone"));
      await context.refresh();
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      button.disabled = false;
    }
  };
  return h("details", { class: "card", id: "hand-back" },
    h("summary", {}, t("second.backTitle")),
    h("form", { on: { submit } },
      h("p", {}, t("second.backMeans")),
      field(t("second.backWhy"), comment),
      said, h("div", { class: "buttons" }, button)));
}
