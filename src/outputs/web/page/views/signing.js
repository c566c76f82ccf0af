// The signature below a result, and which of its cells nobody has looked at.

import { get, loginAddress, send } from "../api.js";
import { SURE, kinds, seen } from "../classes.js";
import { field, fill, h } from "../dom.js";
import { draft, keepDraft } from "../kept.js";
import { number, share, t } from "../words.js";

export async function signing(detail, context) {
  if (!context.may("reviewer")) {
    return h("p", { class: "notice" }, t("sign.who"), " ", h("a", { href: loginAddress() }, t("nav.login")));
  }
  const { cells } = await get(`/api/sessions/${detail.id}/cells?kind=WBC`);
  const { name } = context.me;
  const comment = h("textarea", { rows: 3, maxlength: 2000, value: draft(name, detail.id), on: { input: () => keepDraft(name, detail.id, comment.value) } });
  const { phrases } = await get("/api/laboratory");
  // The laboratory's own phrases first; what is chosen is added to the comment and can be edited there.
  const offered = [...phrases, ...[1, 2, 3, 4, 5, 6].map((n) => t(`phrase.${n}`))];
  const phrase = h("select", { on: { change: add } },
    h("option", { value: "" }, t("sign.phraseChoose")), offered.map((words) => h("option", { value: words }, words)));
  function add() {
    if (phrase.value === "") return;
    comment.value = [comment.value.trimEnd(), phrase.value].filter((words) => words !== "").join(" ").slice(0, 2000);
    phrase.value = "";
    keepDraft(name, detail.id, comment.value);
  }
  const password = h("input", { type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("sign.button"));
  const anew = h("button", { class: "button", type: "button", hidden: true, on: { click: context.refresh } }, t("sign.anew"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.hidden = true;
    try {
      const signed = await send("POST", `/api/sessions/${detail.id}/sign`, { password: password.value, comment: comment.value, fingerprint: detail.fingerprint });
      keepDraft(name, detail.id, "");
      context.announce(t(signed.awaits_second ? "second.done" : "sign.done"));
      await context.refresh();
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      // The result has changed since it was looked at.
      anew.hidden = problem.code !== "changed";
      password.value = "";
      button.disabled = false;
    }
  };
  return h("form", { class: "card", id: "sign", on: { submit } },
    h("h2", {}, t(detail.awaits_second ? "second.sign" : "sign.title")),
    h("p", {}, t(detail.needs_second && !detail.awaits_second ? "second.signMeans" : "sign.means")),
    unseen(detail, cells, context),
    // Tells password managers whose password it is.
    h("input", { type: "text", autocomplete: "username", value: name, hidden: true }),
    field(t("sign.phrase"), phrase),
    field(t("sign.comment"), comment),
    field(t("sign.password", { name }), password),
    said, h("div", { class: "buttons" }, button, anew));
}

// How many cells were looked at; if any that should have been were not, lists them and asks for a tick to confirm.
function unseen(detail, cells, context) {
  const { reason } = kinds(context.classes);
  const left = { blasts: 0, unclassified: 0, quickly: 0, unsure: 0 };
  for (const cell of cells) {
    const why = reason(cell);
    if (why) left[why] += 1;
  }
  const lines = Object.entries(left).filter(([, count]) => count > 0);
  // If the cells are gone or were never stored, nobody can look at them any more.
  const gone = cells.length === 0 && (detail.reviewed_result?.kinds.WBC ?? 0) > 0;
  const of = gone ? detail.reviewed_result.kinds.WBC : cells.length;
  const count = h("p", {}, h("b", {}, t("gallery.seen", { seen: number(seen(cells)), n: number(of) })));
  if (lines.length === 0 && !gone) return count;
  const tick = h("input", { type: "checkbox", required: true, name: "nevertheless" });
  return h("div", { class: "notice unseen" },
    count,
    h("p", {}, t(gone ? "sign.gone" : "sign.unseen")),
    !gone && h("ul", {}, lines.map(([why, n]) => h("li", {}, t(`sign.${why}`, { n: number(n), limit: share(SURE) })))),
    !gone && h("a", { class: "button", href: `#/session/${detail.id}/gallery?show=review` }, t("sign.look")),
    h("label", { class: "tick" }, tick, t("sign.nevertheless")));
}
