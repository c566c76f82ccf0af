// The count as it goes on: picture, counts, focus, and what to do next.

import { get, goToLogin, send } from "../api.js";
import { differential } from "../differential.js";
import { field, fill, h } from "../dom.js";
import { className, flagName, number, share, t } from "../words.js";

// A person who moves keeps the login; the station is told at most so often, ms.
const SIGN_OF_LIFE = 60_000;

export async function show(root, _params, context) {
  const canvas = h("canvas", { width: 640, height: 480, role: "img", "aria-label": t("live.picture") });
  const missing = h("p", { class: "over" }, t("live.noPicture"));
  const next = h("p", { class: "next", role: "status" });
  const trouble = h("p", { class: "problem", role: "alert", hidden: true });
  const sample = h("h1", {});
  const phase = h("span", { class: "badge" });
  const progress = h("progress", { max: 100, value: 0, "aria-label": t("live.progress") });
  const counted = h("p", { class: "counted" });
  const focus = h("meter", { min: 0, max: 1, low: 0.5, high: 0.75, optimum: 1, value: 0, "aria-label": t("live.focus") });
  const flags = h("ul", { class: "flags" });
  const table = h("div", {});
  const kinds = h("p", { class: "soft" });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const start = action("live.start", { command: "start" }, "primary");
  const stop = action("live.stop", { command: "stop" });
  const review = h("a", { class: "button primary", hidden: true }, t("live.review"));
  const dialog = newSample();
  const fresh = h("button", { class: "button", on: { click: () => dialog.showModal() } }, t("live.new"));

  fill(
    root,
    h("div", { class: "live" },
      h("section", { class: "seen", "aria-label": t("live.picture") },
        next, trouble,
        h("div", { class: "frame" }, canvas, missing),
        h("div", { class: "focus" }, h("span", {}, t("live.focus")), focus)),
      h("section", { class: "numbers", "aria-label": t("live.counts") },
        h("div", { class: "line" }, sample, phase),
        counted, progress,
        h("div", { class: "buttons" }, start, stop, fresh, review), said,
        flags, table, kinds)),
    dialog,
  );

  function action(words, body, more = "") {
    return h("button", { class: `button ${more}`, on: { click: () => ask(body) } }, t(words));
  }

  async function ask(body) {
    said.hidden = true;
    try {
      await send("POST", "/api/live/commands", body);
      return true;
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
      return false;
    }
  }

  function newSample() {
    const id = h("input", { maxlength: 64, autocomplete: "off", autocapitalize: "characters" });
    const red = h("input", { inputmode: "decimal", autocomplete: "off" });
    const wrong = h("p", { class: "problem", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      const typed = red.value.trim().replace(",", ".");
      const count = Number(typed);
      if (typed !== "" && !(count >= 0.1 && count <= 10)) {
        fill(wrong, t("live.redWrong"));
        wrong.hidden = false;
        red.focus();
        return;
      }
      wrong.hidden = true;
      const name = id.value.trim();
      if ((await ask(name ? { command: "new", sample: name } : { command: "new" })) && typed !== "") await ask({ command: "red", red_count: count });
      dialog.close();
      id.value = red.value = "";
    };
    return h("dialog", { "aria-label": t("live.new") },
      h("form", { class: "card", on: { submit } },
        h("h2", {}, t("live.new")),
        field(t("live.sample"), id, t("live.sampleHint")),
        field(t("live.red"), red, t("live.redHint")),
        wrong,
        h("div", { class: "buttons" },
          h("button", { class: "button primary" }, t("live.begin")),
          h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("cancel")))));
  }

  let told = "";
  function tell({ session, snapshot }) {
    if (!snapshot) return;
    const { phase: where, quality } = snapshot;
    fill(sample, snapshot.sample);
    fill(phase, t(`phase.${where}`));
    phase.dataset.phase = where;
    fill(counted, h("b", {}, number(snapshot.counted)), ` ${t("live.of", { target: number(snapshot.target) })}`);
    progress.max = snapshot.target;
    progress.value = Math.min(snapshot.counted, snapshot.target);
    focus.value = quality?.focus ?? 0;
    start.hidden = where === "counting";
    stop.hidden = where !== "counting";
    start.classList.toggle("primary", where === "waiting");
    review.hidden = where !== "done" || session === null;
    if (session !== null) review.href = `#/session/${session}/gallery`;
    trouble.hidden = !snapshot.trouble;
    fill(trouble, snapshot.trouble ?? "");
    const todo =
      where === "counting" && quality && quality.verdict !== "good" ? `verdict.${quality.verdict}` : `next.${where}`;
    // Said once, not at every count: a reader would never stop.
    if (todo !== told) {
      fill(next, t(todo));
      next.dataset.kind = todo.startsWith("verdict") ? "warn" : "plain";
      told = todo;
    }
    fill(flags, snapshot.flags.map((flag) => h("li", { class: `flag ${flag}` }, flagName(flag))));
    fill(table, differential(snapshot));
    fill(kinds, t("live.kinds", { wbc: number(snapshot.kinds.WBC), rbc: number(snapshot.kinds.RBC), plt: number(snapshot.kinds.PLT) }));
  }

  let boxes = null;
  async function draw(blob) {
    const view = boxes;
    const bitmap = await createImageBitmap(blob);
    if (!view) return;
    missing.hidden = true;
    [canvas.width, canvas.height] = [view.width, view.height];
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    const size = Math.max(12, view.width / 45);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    for (const { x, y, w, h: high, kind, class: code, probability } of view.boxes) {
      const white = kind === "WBC";
      pen.lineWidth = white ? 3 : 1;
      pen.strokeStyle = white ? (code === "UNK" ? "#c77700" : "#5b1fb0") : kind === "PLT" ? "#00695c" : "rgba(160,30,60,.55)";
      pen.strokeRect(x, y, w, high);
      if (!white || !code) continue;
      const words = `${code} ${share(probability)}`;
      const wide = pen.measureText(words).width + 8;
      const left = Math.min(Math.max(0, x), view.width - wide);
      const top = y > size + 6 ? y - size - 6 : y + high + 2;
      pen.fillStyle = pen.strokeStyle;
      pen.fillRect(left, top, wide, size + 6);
      pen.fillStyle = "#fff";
      pen.fillText(words, left + 4, top + size);
    }
    const white = view.boxes.filter((box) => box.kind === "WBC" && box.class);
    canvas.setAttribute("aria-label", `${t("live.picture")}: ${white.map((box) => className(box.class)).join(", ") || t("live.noWhite")}`);
  }

  let socket = null;
  let over = false;
  let again = 0;
  function connect() {
    if (over) return;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live/stream`);
    socket.binaryType = "blob";
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") {
        draw(data).catch((problem) => console.warn(problem));
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "state") tell(message);
      else boxes = message;
    };
    socket.onclose = ({ code }) => {
      if (over) return;
      if (code === 1008) return goToLogin();
      missing.hidden = false;
      again = setTimeout(connect, 2000);
    };
  }
  let alive = 0;
  const moved = () => {
    if (Date.now() - alive < SIGN_OF_LIFE || socket?.readyState !== WebSocket.OPEN) return;
    alive = Date.now();
    socket.send("here");
  };
  for (const event of ["pointerdown", "pointermove", "keydown"]) addEventListener(event, moved);

  tell(await get("/api/live"));
  connect();
  return () => {
    over = true;
    clearTimeout(again);
    socket?.close();
    for (const event of ["pointerdown", "pointermove", "keydown"]) removeEventListener(event, moved);
  };
}
