// The critical values of a result, who was told of them, and its blasts with their pictures.

import { criticalWords } from "../alarms.js";
import { get, loginAddress, send } from "../api.js";
import { inForce, kinds } from "../classes.js";
import { field, fill, h } from "../dom.js";
import { date, number, t } from "../words.js";
import { pictureOf } from "./gallery/evidence.js";

// Pictures of blasts, at most.
const MOST = 12;

export function alarm(detail, context) {
  const critical = detail.reviewed_result?.critical ?? [];
  if (critical.length === 0) return null;
  const said = (one) => {
    const values = { told: one.told, told_by: one.told_by, told_at: date(one.told_at), note: one.note, by: one.by, at: date(one.at) };
    return h("li", {}, t(one.told ? "alarm.told" : "alarm.notTold", values), one.told && one.note && ` ${one.note}`,
      one.of_session && ` ${t("alarm.ofVersion", { id: one.of_session })}`);
  };
  const open = detail.alarm === "open";
  return h("section", { class: `card alarm${open ? " open" : ""}`, "aria-label": t("critical.title") },
    h("h2", {}, t("critical.title")),
    h("ul", { class: "plain" }, critical.map((one) => h("li", {}, h("b", {}, criticalWords(one))))),
    h("ul", { class: "plain said" }, (detail.acknowledged ?? []).map(said)),
    open && h("p", {}, t("alarm.open"), " ", t("alarm.do")),
    open && (context.me.name === "device" ? h("p", {}, h("a", { class: "button", href: loginAddress() }, t("nav.login")), " ", t("alarm.login")) : form(detail, context)));
}

function form(detail, context) {
  const told = h("input", { maxlength: 200, autocomplete: "off", name: "told" });
  const by = h("input", { maxlength: 200, autocomplete: "off", name: "told_by", value: context.me.name });
  const minutes = h("input", { type: "number", min: 0, max: 1440, step: 1, value: 0, required: true, name: "minutes" });
  const back = h("input", { type: "checkbox", name: "read_back" });
  const note = h("textarea", { rows: 2, maxlength: 2000, name: "note" });
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("alarm.button"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.hidden = true;
    const told_at = new Date(Date.now() - Number(minutes.value) * 60_000).toISOString();
    try {
      await send("POST", `/api/sessions/${detail.id}/acknowledge`, { told: told.value, told_by: by.value, read_back: back.checked, note: note.value, ...(Number(minutes.value) > 0 && { told_at }) });
      context.announce(t("alarm.kept"));
      await context.refresh();
    } catch (problem) {
      fill(wrong, problem.message);
      wrong.hidden = false;
      button.disabled = false;
    }
  };
  return h("form", { id: "acknowledge", on: { submit } },
    h("div", { class: "search" }, field(t("alarm.who"), told), field(t("alarm.by"), by), field(t("alarm.minutes"), minutes)),
    h("label", { class: "tick" }, back, t("alarm.readBack")),
    field(t("alarm.note"), note),
    wrong, button);
}

// One blast is never explained by chance: says what it means and who must look, and shows them.
export async function blasts(detail, context) {
  const { isBlast } = kinds(context.classes);
  const result = detail.reviewed_result;
  const count = result.classes.filter((line) => isBlast(line.class)).reduce((sum, line) => sum + line.count, 0);
  if (count === 0 && !result.flags.includes("blasts")) return null;
  const { cells } = await get(`/api/sessions/${detail.id}/cells?kind=WBC`);
  const shown = cells.filter((cell) => isBlast(inForce(cell)) && cell.has_crop).slice(0, MOST);
  const evidence = (result.statistics?.evidence ?? []).find((one) => one.of === "blasts");
  const percent = evidence && t("result.evidencePercent", { value: number(evidence.figure[0], 1), interval: `${number(evidence.figure[1], 1)} – ${number(evidence.figure[2], 1)}`, limit: number(evidence.limit, 1) });
  return h("section", { class: "card alarm blasts", "aria-label": t("evidence.blasts") },
    h("h2", {}, t("flag.blasts")),
    h("p", {}, h("b", {}, t(count === 0 ? "blasts.alone" : count === 1 ? "blasts.one" : "blasts.many", { n: number(count), of: number(result.counted) }))),
    percent && h("p", {}, t("result.evidenceOf", { of: t("evidence.blasts"), words: percent })),
    h("div", { class: "pictures" }, shown.map((cell) =>
      h("a", { href: `#/session/${detail.id}/gallery` }, h("img", { src: pictureOf(detail.id, cell), width: 72, height: 72, alt: t("blasts.picture", { n: number(cell.number), class: inForce(cell) }) }), inForce(cell)))));
}
