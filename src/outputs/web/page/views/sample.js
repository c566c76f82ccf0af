// The New-sample dialog, over whatever view is shown: what is scanned anywhere comes here.

import { get, send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { className, date, flagName, number, statusName, t } from "../words.js";
import { hint, refusal } from "./sample/form.js";
import { keypad } from "./sample/keypad.js";
import { importing } from "./sample/list.js";
import { worklist } from "./sample/worklist.js";

// Quiet after which a typed id is looked up, ms.
const TYPED = 400;

const ask = (body) => send("POST", "/api/live/commands", body);

// `rules`: the `sample` part of the station's settings. `begun()` is called once a sample has begun.
export function newSample(rules, begun) {
  const id = h("input", { maxlength: 64, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", on: { input: changed } });
  const red = h("input", { inputmode: "decimal", autocomplete: "off" });
  const white = h("input", { inputmode: "decimal", autocomplete: "off" });
  const group = h("select", {});
  const grouped = h("div", { hidden: true }, field(t("live.group"), group));
  const counts = [{ input: red, word: "red", low: 0.1, high: 10 }, { input: white, word: "white", low: 0.01, high: 1000 }];
  const ends = h("p", { class: "notice", hidden: true });
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const known = h("div", { class: "notice known", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("live.begin"));
  const nameless = h("button", { class: "button small", type: "button", hidden: !rules.nameless, on: { click: withoutName } }, t("live.nameless"));
  const keys = keypad(rules, () => focused);
  const keysShown = h("button", { class: "button small", type: "button", "aria-pressed": "false", on: { click: () => showKeys(keys.hidden) } }, t("keypad.show"));
  const list = worklist((sample) => put(sample, button), refuse);
  const table = importing(list.refresh);
  // The field that the keypad types into.
  let focused = id;
  // The sample that runs and would end.
  let running = null;
  // The id whose earlier result was shown, and that is to be counted again all the same.
  let again = null;
  // The id that counts and group were entered for.
  let enteredFor = "";
  // The sample that has begun while its counts are still to be sent.
  let waits = null;
  let timer = 0;
  let asked = 0;
  let sure = false;

  function refuse(words) {
    fill(wrong, words);
    wrong.hidden = false;
  }

  function name(words) {
    fill(button, words ?? (again ? t("live.beginAgain") : running ? t("live.beginEnds", { sample: running.sample }) : t("live.begin")));
  }

  // Counts and group belong to the id they were entered beside.
  function changed() {
    clearTimeout(timer);
    wrong.hidden = true;
    notSure();
    if (enteredFor !== id.value.trim()) red.value = white.value = group.value = "";
    again = null;
    known.hidden = true;
    name();
    list.mark(id.value.trim());
    timer = setTimeout(() => look().catch((problem) => console.warn(problem)), TYPED);
  }

  // Looks up what is known of the id and shows it; null if the id has changed meanwhile.
  async function look() {
    clearTimeout(timer);
    const mine = (asked += 1);
    const typed = id.value.trim();
    if (typed === "") return { sample: "" };
    const found = await get(`/api/samples?id=${encodeURIComponent(typed)}`);
    if (mine !== asked || !dialog.open) return null;
    if (found.problem) refuse(refusal(found, rules));
    const { earlier, interrupted } = found;
    known.hidden = !earlier && interrupted === null;
    fill(known, earlier && told(found.sample, earlier), interrupted !== null && h("p", {}, t("interrupted.same", { sample: found.sample }), " ",
      h("a", { href: `#/session/${interrupted}`, on: { click: () => dialog.close() } }, t("live.earlierShow"))));
    return found;
  }

  function told(sample, { session, started, status, counted, signed_by: by, leading, flags }) {
    const figures = leading.map((one) => `${className(one.class)} ${number(one.percent, 0)} %`).join(", ");
    const words = { sample, id: session, started: date(started), n: number(counted), by };
    return [
      h("p", {}, by ? t("live.earlier", words) : t("live.earlierUnsigned", { ...words, status: statusName(status) }), " ",
        h("a", { href: `#/session/${session}`, target: "_blank" }, t("live.earlierShow"))),
      figures && h("p", {}, h("b", {}, figures)),
      flags.length > 0 && h("p", {}, flags.map(flagName).join(" · ")),
    ];
  }

  const submit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const numbers = entered();
    if (!numbers) return;
    if (id.value.trim() === "" && waits === null) {
      refuse(t(rules.nameless ? "live.idMissing" : "live.idNeeded"));
      return id.focus();
    }
    await begin(async () => {
      if (waits === null) {
        const found = await look();
        if (!found || found.problem) return false;
        if (found.earlier && again !== found.sample) {
          again = found.sample;
          name();
          return false;
        }
        await ask({ command: "new", sample: found.sample });
        waits = found.sample;
        id.disabled = true;
      }
      for (const { word, typed } of numbers) await ask({ command: word, [`${word}_count`]: Number(typed), sample: waits });
      if (group.value !== "") await ask({ command: "group", group: group.value, sample: waits });
      return true;
    });
  };

  async function begin(work) {
    wrong.hidden = true;
    button.disabled = nameless.disabled = true;
    try {
      // The dialog may have been closed meanwhile; the new sample shows on the page behind it.
      if ((await work()) && dialog.open) {
        dialog.close();
        begun();
      }
    } catch (problem) {
      refuse(problem.message);
    } finally {
      button.disabled = nameless.disabled = false;
    }
  }

  // The counts that were entered; null if one is wrong.
  function entered() {
    const found = counts.map((one) => ({ ...one, typed: one.input.value.trim().replace(",", ".") })).filter(({ typed }) => typed !== "");
    const bad = found.find(({ typed, low, high }) => !(Number(typed) >= low && Number(typed) <= high));
    if (!bad) return found;
    refuse(t(`live.${bad.word}Wrong`));
    bad.input.focus();
    return null;
  }

  function notSure() {
    sure = false;
    fill(nameless, t("live.nameless"));
  }

  // The second step: a count without an id is never begun by one press.
  function withoutName() {
    if (red.value.trim() !== "" || white.value.trim() !== "" || group.value !== "") return refuse(t("live.redNeedsId"));
    if (id.value.trim() !== "") return refuse(t("live.hasId"));
    if (!sure) {
      sure = true;
      fill(nameless, t("live.namelessSure"));
      return undefined;
    }
    return begin(async () => {
      await ask({ command: "new" });
      return true;
    });
  }

  function showKeys(on) {
    keys.hidden = !on;
    dialog.classList.toggle("keyed", on);
    keysShown.setAttribute("aria-pressed", String(on));
    // The keyboard of the system would cover the keys.
    id.inputMode = on ? "none" : "text";
    for (const { input } of counts) input.inputMode = on ? "none" : "decimal";
  }

  function put(sample, then) {
    id.value = sample;
    changed();
    look().catch((problem) => refuse(problem.message));
    then.focus();
  }

  for (const input of [id, red, white]) input.addEventListener("focus", () => (focused = input));
  for (const input of [red, white, group]) input.addEventListener("input", () => (enteredFor = id.value.trim()));

  const dialog = h("dialog", { "aria-label": t("live.new"), on: { close: clear } },
    h("form", { class: "card", on: { submit } },
      h("div", { class: "entries" },
        h("h2", {}, t("live.new")),
        ends,
        field(t("live.sample"), id, [t("live.sampleHint"), hint(rules)]),
        known, wrong,
        field(t("live.red"), red, t("live.redHint")),
        field(t("live.white"), white, t("live.whiteHint")),
        grouped,
        h("div", { class: "buttons" },
          button,
          h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("cancel")),
          keysShown, nameless)),
      h("div", { class: "beside" }, keys, list.element,
        h("button", { class: "button small", type: "button", on: { click: table.open } }, t("import.open")))));

  // Nothing that was entered for one sample is there when the dialog opens for the next.
  function clear() {
    clearTimeout(timer);
    asked += 1;
    id.value = red.value = white.value = group.value = enteredFor = "";
    id.disabled = false;
    again = waits = null;
    focused = id;
    wrong.hidden = known.hidden = true;
    notSure();
  }

  async function lookAround() {
    const { snapshot } = await get("/api/live");
    running = snapshot?.phase === "counting" ? { sample: snapshot.sample, n: number(snapshot.counted), target: number(snapshot.target) } : null;
    ends.hidden = running === null;
    fill(ends, running && t("live.newEnds", running));
    name();
  }

  // Groups of people that the laboratory's reference ranges tell apart.
  async function showGroups() {
    const { groups } = await get("/api/laboratory");
    grouped.hidden = groups.length === 0;
    const chosen = group.value;
    fill(group, h("option", { value: "" }, t("live.groupNone")), groups.map((name) => h("option", { value: name }, name)));
    group.value = groups.includes(chosen) ? chosen : "";
  }

  // Opens it, with the id that was scanned if one was. In an open one, another scan takes the place of what is there.
  function open(scanned) {
    // The sample before has begun, and its red count failed: the scan is of the next.
    if (dialog.open && waits !== null) clear();
    if (!dialog.open) {
      running = null;
      ends.hidden = true;
      showKeys(matchMedia("(pointer: coarse)").matches);
      dialog.showModal();
    }
    lookAround().catch((problem) => console.warn(problem));
    list.refresh().catch((problem) => console.warn(problem));
    showGroups().catch((problem) => console.warn(problem));
    if (scanned) put(scanned, button);
    else id.focus();
  }

  return { elements: [dialog, table.element], open };
}
