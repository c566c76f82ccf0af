// Practice: cells named one by one, then the score with every mistake. Nothing of it is a result.

import * as scanner from "../scanner.js";
import { get, send } from "../api.js";
import { inOrder, kinds } from "../classes.js";
import { interval } from "../differential.js";
import { field, fill, h } from "../dom.js";
import { help } from "../help.js";
import { className, date, knows, number, shortName, t } from "../words.js";

const HOW_MANY = [10, 20, 50, 100];

export async function show(root, _params, context) {
  let end = () => {};
  const open = async (problem) => {
    end();
    end = () => {};
    const known = await get("/api/practice");
    if (!root.isConnected) return;
    fill(root, h("div", { class: "line" }, h("h1", {}, t("practice.title")), help("practice")),
      problem && h("p", { class: "problem", role: "alert" }, problem),
      beginning(known, begin), scores(known));
  };
  async function begin(source, cells) {
    const exercise = await send("POST", "/api/practice", { source, cells });
    end = naming(root, exercise, context, open, (outcome) => {
      end();
      end = () => {};
      outcomeOf(root, exercise, outcome, context, open);
    });
  }
  await open();
  return () => end();
}

function beginning({ sources }, begin) {
  const source = h("select", {}, sources.map(({ source, cells }) => h("option", { value: source }, cells === null ? t(`practice.source.${source}`) : `${t(`practice.source.${source}`)} (${number(cells)})`)));
  const count = h("select", {}, HOW_MANY.map((n) => h("option", { value: n, selected: n === 20 }, number(n))));
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const about = h("p", { class: "notice" });
  const tell = () => {
    fill(about, t(`practice.${source.value}`));
    about.className = source.value === "drawn" ? "notice" : "soft";
  };
  source.addEventListener("change", tell);
  tell();
  const button = h("button", { class: "button primary" }, t("practice.begin"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await begin(source.value, Number(count.value));
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      button.disabled = false;
    }
  };
  return h("form", { class: "card", on: { submit } },
    h("p", {}, t("practice.means")), about,
    h("div", { class: "search" }, field(t("practice.source"), source), field(t("practice.n"), count)),
    said, button);
}

// Asks for the cells one by one; calls `done` with the outcome.
function naming(root, { id, cells, source }, context, open, done) {
  const { isBlast } = kinds(context.classes);
  const classes = inOrder(context.classes.filter(({ code }) => code !== "PLT" && code !== "UNK"));
  const keys = new Map(classes.map(({ code, key }) => [key, code]));
  const given = [];
  let sending = false;
  // What was named before the present burst of keys, for a scan to be taken back.
  let before = 0;
  const where = h("p", { role: "status" });
  const progress = h("progress", { max: cells, value: 0, "aria-label": t("practice.title") });
  const image = h("img", { alt: "", width: 384, height: 384 });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const back = h("button", { class: "button", type: "button", on: { click: takeBack } }, t("practice.back"));
  const unwatch = scanner.watch(scanned);
  const buttons = classes.map(({ code, key }) =>
    h("button", { class: `button class${isBlast(code) ? " blast" : ""}`, type: "button", "aria-label": t("gallery.classKey", { class: className(code), code, key: key ?? "" }), on: { click: () => name(code) } },
      h("span", { class: "name" }, shortName(code)), h("span", { class: "line-two" }, h("span", { class: "code" }, code), " ", key && h("kbd", {}, key))));
  const frame = h("div", { class: "practice open", tabindex: -1, on: { keydown: pressed } },
    h("section", { class: "asked card" }, where, progress, image,
      source === "drawn" && h("p", { class: "soft" }, t("practice.source.drawn"))),
    h("section", { class: "card" }, h("div", { class: "classes" }, buttons), said,
      h("div", { class: "buttons" }, back), h("p", { class: "soft keys" }, t("practice.keys"))));
  fill(root, h("h1", {}, t("practice.title")), frame);
  frame.focus();
  draw();

  function draw() {
    const n = Math.min(given.length, cells - 1);
    fill(where, t("practice.cell", { n: number(n + 1), of: number(cells) }));
    progress.value = given.length;
    image.src = `/api/practice/${id}/cells/${n}`;
    back.disabled = given.length === 0;
  }

  function name(code) {
    if (sending || given.length >= cells) return;
    said.hidden = true;
    given.push(code);
    if (given.length < cells) draw();
    else finish();
  }

  function takeBack() {
    if (sending || given.length === 0) return;
    given.pop();
    draw();
  }

  async function finish() {
    // A burst of keys may turn out to be a scan; wait until that is known.
    if (!(await scanner.held()) || given.length < cells) return draw();
    sending = true;
    try {
      done(await send("POST", `/api/practice/${id}`, { classes: given }));
    } catch (problem) {
      sending = false;
      if (problem.code === "not-found") return open(t("practice.gone"));
      fill(said, problem.message);
      said.hidden = false;
      given.pop();
      draw();
    }
  }

  function scanned() {
    given.length = Math.min(given.length, before);
    fill(said, t("practice.scanned"));
    said.hidden = false;
    draw();
  }

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    const key = event.key.toLowerCase();
    if (scanner.first()) before = given.length;
    if (key === "backspace") takeBack();
    else if (keys.has(key)) name(keys.get(key));
    else return;
    event.preventDefault();
  }

  return unwatch;
}

function outcomeOf(root, { id }, outcome, context, open) {
  const { right, cells, percent: [value, low, high], classes, confusion, mistakes, kept } = outcome;
  const again = h("button", { class: "button primary", on: { click: () => open() } }, t("practice.again"));
  const values = { right: number(right), n: number(cells), value: number(value, 0), interval: interval(low, high) };
  fill(root,
    h("div", { class: "line" }, h("h1", {}, t("practice.title")), help("practice")),
    h("p", { class: "verdict", role: "status" }, t("practice.score", values)),
    !kept && h("p", { class: "soft" }, t("practice.notKept")),
    h("div", { class: "buttons" }, again),
    h("section", { class: "card" },
      h("h2", {}, t("practice.mistakes")),
      mistakes.length === 0 ? h("p", {}, t("practice.noMistakes"))
        : h("ul", { class: "mistakes" }, mistakes.map((one) => h("li", {},
          h("img", { src: `/api/practice/${id}/cells/${one.cell}`, alt: "", width: 128, height: 128 }),
          h("div", { class: "right" }, t("practice.itIs", { class: className(one.is) })),
          h("div", { class: "given" }, t("practice.youSaid", { class: className(one.named) })))))),
    byClass(classes),
    mistakes.length > 0 && h("section", { class: "card wide" },
      h("h2", {}, t("practice.confusion")),
      h("table", { class: "table left" },
        h("thead", {}, h("tr", {}, ["practice.is", "practice.named", "practice.cells"].map((word) => h("th", { scope: "col" }, t(word))))),
        h("tbody", {}, confusion.filter((one) => one.is !== one.named).map((one) => h("tr", {},
          h("th", { scope: "row" }, className(one.is)), h("td", {}, className(one.named)), h("td", {}, number(one.cells))))))));
  again.focus();
  context.announce(t("practice.score", values));
}

function byClass(classes) {
  return h("section", { class: "card" },
    h("h2", {}, t("practice.right")),
    h("table", { class: "table" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("practice.class")), h("th", { scope: "col" }, t("practice.right")), h("th", { scope: "col" }, "%"), h("th", { scope: "col" }, t("result.interval")))),
      h("tbody", {}, classes.map(({ class: code, right, cells, percent: [value, low, high] }) => h("tr", {},
        h("th", { scope: "row" }, className(code)), h("td", {}, `${number(right)} / ${number(cells)}`), h("td", {}, number(value, 0)), h("td", { class: "interval" }, interval(low, high)))))));
}

function scores({ scores }) {
  const source = (one) => (knows(`practice.source.${one}`) ? t(`practice.source.${one}`) : one);
  return h("section", { class: "card wide" },
    h("h2", {}, t("practice.scores")),
    scores.length === 0 ? h("p", { class: "soft" }, t("practice.noScores"))
      : h("table", { class: "table left" },
        h("thead", {}, h("tr", {}, ["practice.when", "practice.who", "practice.source", "practice.right"].map((word) => h("th", { scope: "col" }, t(word))))),
        h("tbody", {}, scores.map(({ at, person, source: of, right, cells, percent: [value, low, high] }) => h("tr", {},
          h("td", {}, date(at)), h("th", { scope: "row" }, person), h("td", {}, source(of)),
          h("td", {}, `${number(right)} / ${number(cells)}, ${number(value, 0)} % (${interval(low, high)})`))))));
}
