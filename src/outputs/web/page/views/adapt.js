// The laboratory's own cells: which were looked at and which should be next, and the profiles learned from them.

import { get, send } from "../api.js";
import { inOrder } from "../classes.js";
import { field, fill, h } from "../dom.js";
import { className, date, number, share, shortName, t } from "../words.js";
import { pictureOf } from "./gallery/evidence.js";

// Probability from which a gain may be chance.
const MAY_BE_CHANCE = 0.05;

const labelName = (code) => (code === "NEU" ? t("group.neutrophils") : className(code));
const places = ({ camera, objective }) => (objective ? t("adapt.cameraObjective", { camera, objective }) : camera);
// A share with its interval.
const between = ([value, low, high]) => t("adapt.between", { value: share(value), low: share(low), high: share(high) });

// `switched` is called once another profile is in force.
export async function adapt(switched) {
  const said = h("div", { role: "status", tabindex: -1 });
  const place = h("div", {});
  const name = h("input", { required: true, maxlength: 64, autocomplete: "off" });
  const learn = h("button", { class: "button" }, t("adapt.learn"));
  // Classes to leave out stay ticked while the card is drawn anew.
  const without = new Set();
  let few = {};
  let busy = false;

  function say(kind, ...words) {
    said.className = kind;
    fill(said, words);
  }

  // Does what may fail, says so if it does, and draws the card anew.
  async function act(work) {
    if (busy) return;
    busy = true;
    learn.disabled = true;
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    try {
      say("notice", t("adapt.busy"));
      await work();
    } catch (problem) {
      say("problem", problem.message);
    } finally {
      busy = false;
      learn.disabled = false;
      await draw();
      // The pressed button is gone with the table it stood in.
      if (document.activeElement === document.body) said.focus();
    }
  }

  const use = (sha256) => act(async () => {
    await send("PUT", "/api/adaptation/profile", { sha256 });
    say("good", t(sha256 ? "adapt.used" : "adapt.notUsed"));
    await switched();
  });

  const submit = (event) => {
    event.preventDefault();
    const lacking = Object.keys(few).filter((code) => !without.has(code));
    if (lacking.length > 0) {
      say("problem", t("adapt.tooFew", { classes: lacking.map((code) => `${labelName(code)} (${number(few[code])})`).join(", ") }));
      return;
    }
    act(async () => {
      const lesson = await send("POST", "/api/adaptation", { name: name.value.trim(), without: [...without] });
      name.value = "";
      say("good", outcome(lesson));
    });
  };

  async function draw() {
    try {
      const [all, { snapshot }] = await Promise.all([get("/api/adaptation"), get("/api/live")]);
      few = all.few;
      for (const code of without) if (!(code in few)) without.delete(code);
      fill(place, camera(all), looked(all), profiles(all, snapshot?.phase === "counting"));
    } catch (problem) {
      fill(place, h("p", { class: "problem", role: "alert" }, problem.message));
    }
  }

  function looked({ looked_at, fewest }) {
    const codes = inOrder([...new Set([...Object.keys(looked_at), ...Object.keys(few)])].map((code) => ({ code }))).map(({ code }) => code);
    const row = (code) => {
      const lacking = code in few;
      const tick = lacking && h("input", {
        type: "checkbox",
        checked: without.has(code),
        "aria-label": `${t("adapt.leaveOut")}: ${labelName(code)}`,
        on: { change: (event) => (event.target.checked ? without.add(code) : without.delete(code)) },
      });
      return h("tr", {}, h("th", { scope: "row" }, labelName(code)), h("td", { class: "right" }, number(looked_at[code] ?? 0)),
        h("td", {}, lacking ? t("adapt.lacks", { n: number(fewest - few[code]) }) : t("adapt.enough")),
        h("td", {}, lacking && h("label", { class: "tick" }, tick, t("adapt.leaveOut"))));
    };
    return [
      h("h3", {}, t("adapt.lookedAt")),
      codes.length === 0 ? h("p", {}, t("adapt.nobody")) : h("div", { class: "wide" }, h("table", { class: "table left" }, h("tbody", {}, codes.map(row)))),
      h("p", { class: "soft" }, t("adapt.needs", { n: number(fewest) })),
    ];
  }

  function profiles({ profiles, in_force, setup }, counting) {
    const button = (words, sha256) => h("button", { class: "button small", type: "button", disabled: counting, on: { click: () => use(sha256) } }, words);
    const used = (facts) => facts && in_force?.sha256 === facts.sha256;
    const row = ({ name, facts, unusable }) => h("tr", { dataset: { profile: name } },
      h("th", { scope: "row" }, name), h("td", {}, facts && date(facts.made)),
      h("td", {}, facts && t("adapt.gain", { before: number(facts.right_before), after: number(facts.right_after), n: number(facts.named) })),
      h("td", {}, unusable ? h("span", { class: "problem" }, whyNot(unusable, facts, setup)) : used(facts) ? t("adapt.inForce") : ""),
      h("td", {}, used(facts) ? button(t("adapt.stop"), null) : unusable ? "" : button(t("adapt.use"), facts.sha256)));
    return [
      h("h3", {}, t("adapt.profiles")),
      profiles.length === 0 ? h("p", {}, t("adapt.noProfiles")) : h("div", { class: "wide" }, h("table", { class: "table left" }, h("tbody", {}, profiles.map(row)))),
      in_force && !profiles.some(({ facts }) => used(facts)) && h("p", {}, button(t("adapt.stop"), null)),
      counting && h("p", { class: "soft" }, t("error.counting")),
    ];
  }

  await draw();
  return h("section", { class: "card", id: "adapt" },
    h("h2", {}, t("adapt.title")), h("p", { class: "soft" }, t("adapt.means")), place,
    h("form", { class: "search", on: { submit } }, field(t("adapt.name"), name, t("adapt.nameHint")), learn), said, next());
}

function camera({ setup, in_force }) {
  return [
    h("p", {}, t("adapt.camera", { camera: places(setup) })),
    h("p", { id: "named-with" }, in_force ? t("adapt.namedWith", { name: in_force.name }) : t("adapt.asShipped")),
  ];
}

function whyNot(unusable, facts, here) {
  const found = facts?.setup ? places(facts.setup) : t("adapt.noCamera");
  return t(`adapt.unusable.${unusable}`, { found, here: places(here) });
}

// What the cross-validation found, class by class.
function outcome({ profile, accuracy_before, accuracy_after, by_label, chance, without_cells }) {
  const lost = Object.entries(without_cells).filter(([, [, before, after]]) => after < before).map(([code]) => labelName(code));
  const row = ([code, one]) => h("tr", {}, h("th", { scope: "row" }, labelName(code)), h("td", { class: "right" }, number(one.cells)),
    h("td", {}, between(one.accuracy_before)), h("td", {}, between(one.accuracy_after)));
  return [
    h("p", {}, t("adapt.learned", { name: profile.name, n: number(profile.cells) })),
    h("div", { class: "wide" }, h("table", { class: "table left" },
      h("thead", {}, h("tr", {}, ["class", "cells", "before", "after"].map((column) => h("th", { scope: "col" }, t(`adapt.column.${column}`))))),
      h("tbody", {}, Object.entries(by_label).map(row),
        h("tr", {}, h("th", { scope: "row" }, t("adapt.all")), h("td", { class: "right" }, number(profile.cells)), h("td", {}, between(accuracy_before)), h("td", {}, between(accuracy_after)))))),
    chance >= MAY_BE_CHANCE && h("p", {}, t("adapt.chance")),
    lost.length > 0 && h("p", {}, t("adapt.lost", { classes: lost.join(", ") })),
    h("p", {}, t("adapt.note")),
  ];
}

// The cells to label next. The station takes a while to compare them, so the card does not wait for it.
function next() {
  const place = h("div", {}, h("p", { class: "soft" }, t("adapt.nextBusy")));
  const of = (cells, why) => cells.length > 0 && [
    h("h4", {}, t(`adapt.next.${why}`)),
    h("ul", { class: "plain pictures" }, cells.map((cell) => h("li", {},
      h("a", {
        href: `#/session/${cell.session}/gallery?show=${cell.class}`,
        "aria-label": t("adapt.nextCell", { class: className(cell.class), sure: share(cell.probability), session: number(cell.session) }),
      }, h("img", { src: pictureOf(cell.session, cell), alt: "", loading: "lazy", width: 72, height: 72 }), h("span", {}, shortName(cell.class)))))),
  ];
  get("/api/adaptation/next").then(
    ({ cells }) => fill(place, cells.length === 0 ? h("p", {}, t("adapt.noNext")) : ["unsure", "different"].map((why) => of(cells.filter((cell) => cell.why === why), why))),
    (problem) => fill(place, h("p", { class: "problem", role: "alert" }, problem.message)),
  );
  return h("div", { id: "next-cells" }, h("h3", {}, t("adapt.next")), place);
}
