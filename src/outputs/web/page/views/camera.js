// Asks which camera this is, where the configuration leaves that to the page.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../words.js";
import { picture } from "./live/picture.js";
import { stream } from "./live/stream.js";

// How long the station takes to begin anew, ms.
const AGAIN = 4000;
// A picture of what the camera sees now is drawn that often at most, ms.
const PACE = 1000;

// `always`: also where one is chosen already.
export async function camera(context, always) {
  const { asks, source, cameras } = await get("/api/camera");
  if (!asks || (source && !always) || (source && !context.may("admin"))) return null;
  const said = h("p", { role: "status" });
  const buttons = cameras.map((one) => h("button", { class: "button", type: "button", disabled: one.source === source, dataset: { source: one.source }, on: { click: () => choose(one.source) } },
    one.source === "simulated" ? t("camera.simulated") : `${one.name || one.source} (${one.source.replace("v4l:", "")})`));
  async function choose(chosen) {
    for (const button of buttons) button.disabled = true;
    try {
      await send("PUT", "/api/camera", { source: chosen });
      said.className = "good";
      fill(said, t("camera.anew"));
      setTimeout(context.refresh, AGAIN);
    } catch (problem) {
      said.className = "problem";
      fill(said, problem.message);
      for (const button of buttons) button.disabled = false;
    }
  }
  return h("section", { class: "card", id: "camera" },
    h("h2", {}, t("camera.which")),
    h("p", {}, t(cameras.length > 1 ? "camera.found" : "camera.none")),
    h("div", { class: "buttons" }, buttons), said,
    source ? seen() : h("p", { class: "soft" }, t("camera.notSeen")));
}

// What the camera in use sees, to tell the microscope's from another.
function seen() {
  const field = picture();
  const element = h("figure", { class: "camera-sees" }, h("figcaption", {}, t("camera.sees")), field.element);
  let drawn = -Infinity;
  let there = false;
  // The stream ends with the view that shows the card.
  const gone = () => {
    if (element.isConnected) there = true;
    else if (there) end();
    return !element.isConnected;
  };
  const end = stream({
    state: gone,
    view: (view, blob) => {
      if (gone() || performance.now() - drawn < PACE) return;
      drawn = performance.now();
      field.draw({ ...view, boxes: [] }, blob).catch((problem) => console.warn(problem));
    },
    lost: () => (gone() ? end() : field.gone()),
  });
  return element;
}
