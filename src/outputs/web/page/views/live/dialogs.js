// Dialogs before a count begins or ends.

import { get, send } from "../../api.js";
import { field, fill, h } from "../../dom.js";
import { date, number, t } from "../../words.js";

// The latest signed session of this sample id, if there is one.
async function signedBefore(sample) {
  const { sessions } = await get(`/api/sessions?status=final&limit=500&sample=${encodeURIComponent(sample)}`);
  return sessions.find((one) => one.sample === sample) ?? null;
}

// `ask(body)` sends a command and throws if the station refuses. `running()` names the count that would end, else null.
export function newSample(ask, running) {
  const id = h("input", { maxlength: 64, autocomplete: "off", autocapitalize: "characters" });
  const red = h("input", { inputmode: "decimal", autocomplete: "off" });
  const white = h("input", { inputmode: "decimal", autocomplete: "off" });
  const group = h("select", {});
  const grouped = h("div", { hidden: true }, field(t("live.group"), group));
  const ends = h("p", { class: "notice", hidden: true });
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const earlier = h("p", { class: "notice", role: "alert", hidden: true });
  const pattern = h("span", {});
  const list = h("ul", { class: "worklist" });
  const ordered = h("section", { hidden: true, "aria-label": t("live.worklist") }, h("b", {}, t("live.worklist")), list);
  const button = h("button", { class: "button primary" }, t("live.begin"));
  // The sample has begun, and only its counts are still to be sent.
  let begun = false;
  // The id that was signed before and is to be counted again all the same.
  let again = null;

  // Names the earlier signed result of this id, once; the second press begins. Returns whether it did.
  async function warned(name) {
    if (name === "" || name === again) return false;
    const found = await signedBefore(name);
    again = found && name;
    earlier.hidden = !found;
    fill(button, t(found ? "live.beginAgain" : "live.begin"));
    fill(earlier, found && [t("live.earlier", { sample: name, id: found.id, by: found.signed_by, started: date(found.started), n: number(found.counted) }), " ",
      h("a", { href: `#/session/${found.id}`, target: "_blank" }, t("live.earlierShow"))]);
    return Boolean(found);
  }

  function refuse(words) {
    fill(wrong, words);
    wrong.hidden = false;
  }

  const submit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const counts = [
      { input: red, word: "red", low: 0.1, high: 10 },
      { input: white, word: "white", low: 0.01, high: 1000 },
    ].map((one) => ({ ...one, typed: one.input.value.trim().replace(",", ".") })).filter(({ typed }) => typed !== "");
    const bad = counts.find(({ typed, low, high }) => !(Number(typed) >= low && Number(typed) <= high));
    if (bad) {
      refuse(t(`live.${bad.word}Wrong`));
      bad.input.focus();
      return;
    }
    wrong.hidden = true;
    button.disabled = true;
    try {
      const name = id.value.trim();
      if (!begun && (await warned(name))) return;
      if (!begun) await ask(name ? { command: "new", sample: name } : { command: "new" });
      // The dialog was closed meanwhile; the new sample shows on the page behind it.
      if (!dialog.open) return;
      begun = true;
      id.disabled = true;
      for (const { word, typed } of counts) await ask({ command: word, [`${word}_count`]: Number(typed) });
      if (group.value !== "") await ask({ command: "group", group: group.value });
      dialog.close();
    } catch (problem) {
      refuse(problem.message);
    } finally {
      button.disabled = false;
    }
  };
  const dialog = h("dialog", { "aria-label": t("live.new"), on: { close: clear } },
    h("form", { class: "card", on: { submit } },
      h("h2", {}, t("live.new")),
      ends, ordered,
      field(t("live.sample"), id, [t("live.sampleHint"), pattern]),
      earlier,
      field(t("live.red"), red, t("live.redHint")),
      field(t("live.white"), white, t("live.whiteHint")),
      grouped,
      wrong,
      h("div", { class: "buttons" },
        button,
        h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("cancel")))));

  // Clears the fields once their sample has begun, so the next one starts empty; Cancel keeps them.
  function clear() {
    wrong.hidden = true;
    if (begun) id.value = red.value = white.value = group.value = "";
    begun = id.disabled = false;
    again = null;
    earlier.hidden = true;
    fill(button, t("live.begin"));
  }

  // The form that the laboratory's ids have, beside the field.
  async function showPattern() {
    const { settings } = await get("/api/settings");
    fill(pattern, settings.session.sample_pattern && ` ${t("live.samplePattern", { pattern: settings.session.sample_pattern })}`);
  }

  // Groups of people that the laboratory's reference ranges tell apart.
  async function showGroups() {
    const { groups } = await get("/api/laboratory");
    grouped.hidden = groups.length === 0;
    const chosen = group.value;
    fill(group, h("option", { value: "" }, t("live.groupNone")), groups.map((name) => h("option", { value: name }, name)));
    group.value = groups.includes(chosen) ? chosen : "";
  }

  // Samples that wait to be counted; picking one writes its id. The first press of × asks, the second takes the sample off.
  async function showWorklist() {
    const { samples } = await get("/api/worklist");
    ordered.hidden = samples.length === 0;
    fill(list, samples.map((one) => h("li", { class: one.urgent ? "urgent" : "" },
      h("button", { class: "button", type: "button", disabled: begun, on: { click: () => pick(one.sample) } },
        one.urgent && h("b", {}, `${t("live.urgent")} `), one.sample),
      off(one))));
  }

  function off({ sample, number }) {
    const words = t("live.takeOff", { sample });
    let asked = false;
    const button = h("button", { class: "button", type: "button", "aria-label": words, on: { click: () => {
      if (asked) takeOff(number);
      asked = true;
      fill(button, `${words}?`);
    } } }, "×");
    return button;
  }

  function pick(sample) {
    id.value = sample;
    button.focus();
  }

  async function takeOff(number) {
    try {
      await send("DELETE", `/api/worklist/${number}`);
      await showWorklist();
    } catch (problem) {
      refuse(problem.message);
    }
  }

  function open() {
    const count = running();
    showWorklist().catch((problem) => console.warn(problem));
    showPattern().catch((problem) => console.warn(problem));
    showGroups().catch((problem) => console.warn(problem));
    ends.hidden = count === null;
    fill(ends, count && t("live.newEnds", count));
    dialog.showModal();
  }

  return { element: dialog, open };
}

// Ends the running count after a second confirmation.
export function stopping(ask, running) {
  const words = h("p", {});
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("live.stopYes"));
  const no = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("live.stopNo"));
  const submit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    wrong.hidden = true;
    try {
      await ask({ command: "stop" });
      dialog.close();
    } catch (problem) {
      fill(wrong, problem.message);
      wrong.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  const dialog = h("dialog", { "aria-label": t("live.stopTitle") },
    h("form", { class: "card", on: { submit } },
      h("h2", {}, t("live.stopTitle")),
      words, wrong,
      h("div", { class: "buttons" }, button, no)));

  function open() {
    const count = running();
    if (!count) return;
    fill(words, t("live.stopMeans", count));
    dialog.showModal();
    // An accidental second Enter must not end the count.
    no.focus();
  }

  return { element: dialog, open, close: () => dialog.open && dialog.close() };
}
