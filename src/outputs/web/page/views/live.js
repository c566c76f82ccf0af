// The running count: picture, counts, focus, and what to do next.

import { get, send } from "../api.js";
import { differential } from "../differential.js";
import { fill, h } from "../dom.js";
import { help } from "../help.js";
import { badges, marksOf } from "../marks.js";
import { date, flagName, number, t } from "../words.js";
import { camera } from "./camera.js";
import { interrupted } from "./interrupted.js";
import { stopping } from "./live/dialogs.js";
import { picture } from "./live/picture.js";
import { stream } from "./live/stream.js";

// A verdict on the frame is shown only once it has lasted this long, ms; fields pass faster.
const LASTS = 700;

export async function show(root, _params, context) {
  const field = picture();
  const next = h("p", { class: "next", role: "status" });
  const trouble = h("p", { class: "problem", role: "alert", hidden: true });
  const sample = h("h1", {});
  const phase = h("span", { class: "badge" });
  const marks = h("span", {});
  const progress = h("progress", { max: 100, value: 0, "aria-label": t("live.progress") });
  const counted = h("p", { class: "counted" });
  const focus = h("meter", { min: 0, max: 1, low: 0.5, high: 0.75, optimum: 1, value: 0, "aria-label": t("live.focus") });
  const earlier = h("p", { class: "notice", hidden: true });
  const flags = h("ul", { class: "flags" });
  const table = h("div", {});
  const kinds = h("p", { class: "soft" });
  let count = null;
  const running = () => (count?.phase === "counting" ? { sample: count.sample, n: number(count.counted), target: number(count.target) } : null);
  const ask = (body) => send("POST", "/api/live/commands", body);
  const ending = stopping(ask, running);
  const stop = h("button", { class: "button", on: { click: ending.open } }, t("live.stop"));
  const another = h("button", { class: "button primary", on: { click: () => context.newSample() } }, t("live.new"));
  const review = h("a", { class: "button primary", hidden: true }, t("live.review"));
  const again = h("p", { class: "notice", hidden: true });
  const broken = interrupted({ gone: () => {}, closed: (id) => context.go(`#/session/${id}`) });

  fill(
    root,
    await camera(context, false),
    h("div", { class: "live" },
      h("section", { class: "seen", "aria-label": t("live.picture") },
        next, trouble, broken.element, again, field.element,
        h("div", { class: "focus" }, h("span", {}, t("live.focus")), focus)),
      h("section", { class: "numbers", "aria-label": t("live.counts") },
        h("div", { class: "line" }, sample, phase, marks),
        counted, progress,
        h("div", { class: "buttons" }, another, review, stop), earlier,
        flags, table, kinds)),
    ending.element,
  );

  // Announced only when it changes, not at every count, or a screen reader would never stop.
  let told = "";
  let coming = "";
  let waits = 0;
  function advise(todo) {
    if (todo === coming) return;
    coming = todo;
    clearTimeout(waits);
    if (todo.startsWith("verdict")) waits = setTimeout(() => say(todo), LASTS);
    else say(todo);
  }
  function say(todo) {
    if (todo === told) return;
    told = todo;
    fill(next, t(todo));
    next.dataset.kind = todo.startsWith("next") ? "plain" : "warn";
  }

  function worried(words) {
    if (trouble.dataset.words === words) return;
    trouble.dataset.words = words;
    // The health page names the part, with its place in the manual.
    fill(trouble, words, " ", h("a", { class: "help", href: "#/health", "aria-label": t("nav.health") }, "?"));
    trouble.hidden = words === "";
  }

  // Says that the sample has a signed result already.
  let repeats = null;
  function repeated({ sample: name, earlier: before }) {
    const which = before ? `${name} ${before.session}` : "";
    if (which === repeats) return;
    repeats = which;
    earlier.hidden = !before;
    fill(earlier, before && [t("live.earlier", { sample: name, id: before.session, by: before.by, started: date(before.started), n: number(before.counted) }), " ",
      h("a", { href: `#/session/${before.session}` }, t("live.earlierShow"))]);
  }

  // Says that the count went on after a power cut, and where the slide must be.
  function went({ phase: where, interruptions }) {
    again.hidden = !interruptions?.length || where !== "counting";
    fill(again, t("interrupted.running"));
  }

  // Counts that broke off are looked for whenever none begins or runs.
  let phases = "";
  function breaks(where) {
    if (where === phases) return;
    phases = where;
    if (where === "counting") fill(broken.element);
    else broken.refresh().catch((problem) => console.warn(problem));
  }

  function tell({ session, snapshot }) {
    if (!snapshot) return;
    count = snapshot;
    const { phase: where, quality } = snapshot;
    fill(sample, snapshot.sample || t("live.noSample"));
    fill(phase, t(`phase.${where}`));
    fill(marks, badges(marksOf(snapshot)));
    phase.dataset.phase = where;
    fill(counted, h("b", {}, number(snapshot.counted)), ` ${t("live.of", { target: number(snapshot.target) })}`);
    progress.max = snapshot.target;
    progress.value = Math.min(snapshot.counted, snapshot.target);
    focus.value = quality?.focus ?? 0;
    if (where !== "counting") ending.close();
    stop.hidden = where !== "counting";
    // The most likely next step stands out: a new sample, unless one runs or waits for its review.
    another.classList.toggle("primary", where === "waiting");
    for (const button of [stop, another]) button.disabled = false;
    went(snapshot);
    breaks(where);
    review.hidden = where !== "done" || session === null;
    // Nobody reviews or signs a control.
    const control = snapshot.quality_control?.kind === "run";
    fill(review, t(control ? "live.toControl" : "live.review"));
    if (session !== null) review.href = control ? "#/quality" : `#/session/${session}/gallery`;
    worried(snapshot.trouble ?? "");
    advise(where === "counting" && quality && quality.verdict !== "good" ? `verdict.${quality.verdict}` : where === "done" && control ? "next.control" : where === "done" && snapshot.looked_at ? "next.signed" : `next.${where}`);
    repeated(snapshot);
    fill(flags, snapshot.flags.map((flag) => h("li", { class: `flag ${flag}` }, flagName(flag), help(`flag-${flag}`))));
    fill(table, differential(snapshot));
    fill(kinds, t("live.kinds", { wbc: number(snapshot.kinds.WBC), rbc: number(snapshot.kinds.RBC), plt: number(snapshot.kinds.PLT) }));
  }

  function lost() {
    field.gone();
    worried("");
    advise("live.lost");
    for (const button of [stop, another]) button.disabled = true;
  }

  tell(await get("/api/live"));
  const end = stream({
    state: tell,
    view: (view, blob) => field.draw(view, blob).catch((problem) => console.warn(problem)),
    lost,
  });
  return () => {
    clearTimeout(waits);
    end();
  };
}
