// Versions of a result: what an amendment replaces, what takes the place of a signed result, and how one is begun.

import { get, send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { date, t } from "../words.js";

// Notices above the result.
export function versions(detail) {
  const amends = detail.reviewed_result?.amends;
  const later = detail.amended_by;
  return [
    amends && h("p", { class: "notice corrected" },
      amends.sample && [h("b", {}, t("amend.sampleWas", { was: amends.sample })), " "],
      h("b", {}, t(detail.signature ? "amend.corrected" : "amend.open", {
        version: amends.version, before: amends.version - 1, id: amends.session, by: amends.by, at: date(amends.at), reason: amends.reason,
      })), " ", to(amends.session)),
    later && h("p", { class: "notice corrected" },
      h("b", {}, t(later.signed_by ? "amend.replaced" : "amend.underWay", {
        version: later.version, id: later.session, by: later.signed_by ?? later.by, at: date(later.signed_at ?? later.since), reason: later.reason,
      })), " ", to(later.session)),
  ];
}

function to(session) {
  return h("a", { href: `#/session/${session}` }, t("amend.show"));
}

// The cards below the result: begin an amendment, or withdraw the one that is shown. None for those who may not.
export function amending(detail, context) {
  if (!context.may("reviewer")) return null;
  if (detail.signature && !detail.amended_by) return beginning(detail, context);
  const begun = detail.reviewed_result?.amends?.amended_by;
  if (!detail.signature && detail.version > 1 && (begun === context.me.name || context.may("admin"))) return withdrawing(detail, context);
  return null;
}

function beginning(detail, context) {
  const reason = h("textarea", { rows: 2, maxlength: 500, required: true, name: "reason" });
  const sample = h("input", {
    maxlength: 64, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", name: "sample", value: detail.sample,
    dataset: { scan: "text" }, on: { input: () => warn(null) },
  });
  const known = h("p", { class: "notice", role: "alert", hidden: true });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" });
  // The id whose earlier result was shown.
  let shown = null;

  function warn(found) {
    shown = found?.sample ?? null;
    known.hidden = !found;
    fill(button, t(found ? "amend.beginAgain" : "amend.begin"));
    if (!found) return;
    const { sample: id, earlier } = found;
    fill(known, t("amend.sampleUsed", { sample: id, id: earlier.session, started: date(earlier.started) }), " ", to(earlier.session));
  }

  // The new id once it is known to be one, and its earlier result was shown; null while it is not.
  async function checked() {
    const typed = sample.value.trim();
    if (typed === "" || typed === detail.sample) return "";
    const found = await get(`/api/samples?id=${encodeURIComponent(typed)}`);
    if (found.problem) throw new Error(found.problem);
    if (!found.earlier || shown === found.sample) return found.sample;
    warn(found);
    return null;
  }

  const submit = (event) => {
    event.preventDefault();
    asked(button, said, async () => {
      const id = await checked();
      if (id === null) return (button.disabled = false);
      const { session } = await send("POST", `/api/sessions/${detail.id}/amend`, { reason: reason.value, sample: id });
      context.announce(t("amend.begun"));
      location.hash = `#/session/${session}`;
    });
  };
  warn(null);
  return h("details", { class: "card", id: "amend" },
    h("summary", {}, t("amend.title")),
    h("form", { on: { submit } },
      h("p", {}, t("amend.means")),
      field(t("amend.reason"), reason),
      field(t("amend.sample"), sample),
      known, said, h("div", { class: "buttons" }, button)));
}

function withdrawing(detail, context) {
  const reason = h("textarea", { rows: 2, maxlength: 500, required: true, name: "reason" });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button danger" }, t("amend.withdrawYes"));
  const submit = (event) => {
    event.preventDefault();
    asked(button, said, async () => {
      const { session } = await send("POST", `/api/sessions/${detail.id}/withdraw`, { reason: reason.value });
      context.announce(t("amend.withdrawn"));
      location.hash = `#/session/${session}`;
    });
  };
  return h("details", { class: "card", id: "withdraw" },
    h("summary", {}, t("amend.withdraw")),
    h("form", { on: { submit } },
      h("p", {}, t("amend.withdrawMeans")),
      field(t("amend.withdrawReason"), reason),
      said, h("div", { class: "buttons" }, button)));
}

async function asked(button, said, what) {
  button.disabled = true;
  said.hidden = true;
  try {
    await what();
  } catch (problem) {
    fill(said, problem.message);
    said.hidden = false;
    button.disabled = false;
  }
}
