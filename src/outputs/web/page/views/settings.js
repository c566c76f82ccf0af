// Language and theme, settings in force, and for admins limits, users, tokens and the audit trail.

import { get, send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { keep, preferred } from "../kept.js";
import { LIMITS } from "../tables.js";
import { languageName, number, t } from "../words.js";
import { adapt } from "./adapt.js";
import { tokens, users } from "./admin.js";
import { calibration } from "./calibration.js";
import { support } from "./support.js";
import { keeping } from "./keeping.js";
import { trail } from "./trail.js";
import { camera } from "./camera.js";

export async function show(root, _params, context) {
  const { settings, calibration: present } = await get("/api/settings");
  const admin = context.may("admin");
  const now = h("div", {}, force(settings));
  const switched = async () => fill(now, force((await get("/api/settings")).settings));
  fill(root, h("h1", {}, t("nav.settings")), look(context), await camera(context, true), now, await calibration(present, admin), admin && (await adapt(switched)), limits(settings, admin), await keeping(),
    context.me.name !== "device" && password(context.me.name));
  if (!admin) return;
  root.append(await users(context), await tokens(context), support(), await trail());
}

function look(context) {
  const chosen = (name) => async (event) => {
    keep(name, event.target.value);
    await context.refresh();
  };
  const language = h("select", { on: { change: chosen("language") } },
    h("option", { value: "" }, t("settings.browser")),
    context.me.languages.map((one) => h("option", { value: one, lang: one, selected: preferred("language") === one }, languageName(one))));
  const theme = h("select", { on: { change: chosen("theme") } },
    ["", "light", "dark"].map((one) => h("option", { value: one, selected: (preferred("theme") ?? "") === one }, t(one ? `settings.${one}` : "settings.browser"))));
  return h("section", { class: "card" }, h("h2", {}, t("settings.look")), h("div", { class: "search" }, field(t("settings.language"), language), field(t("settings.theme"), theme)));
}

function force(settings) {
  const line = (name, value) => [h("dt", {}, t(name)), h("dd", {}, value)];
  return h("section", { class: "card" },
    h("h2", {}, t("settings.force")),
    h("dl", {},
      line("settings.version", settings.version),
      line("settings.camera", settings.camera),
      Object.entries(settings.models).map(([name, sha256]) => line(`model.${name}`, h("span", { class: "hash" }, sha256))),
      settings.profile ? line("model.profile", t("model.profileOf", { name: settings.profile.name, n: number(settings.profile.cells), sha256: settings.profile.sha256 })) : null));
}

function limits({ session, flags }, admin) {
  const input = (value, most) => h("input", { type: "number", value, min: 0, max: most, step: "any", required: true, disabled: !admin });
  const target = h("input", { type: "number", value: session.target, min: 1, max: 100000, step: 1, required: true, disabled: !admin });
  const inputs = LIMITS.map(([name]) => [name, input(flags[name], 100)]);
  const said = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await send("PUT", "/api/settings", { target: Number(target.value), flags: Object.fromEntries(inputs.map(([name, one]) => [name, Number(one.value)])) });
      said.className = "good";
      fill(said, t("settings.kept"));
    } catch (problem) {
      said.className = "problem";
      fill(said, problem.message);
    }
  };
  return h("form", { class: "card", on: { submit } },
    h("h2", {}, t("settings.limits")),
    h("p", { class: "soft" }, t(admin ? "settings.limitsHint" : "settings.limitsWho"), session.precision_of ? ` ${t("settings.precision", { points: number(session.precision_points, 1) })}` : ""),
    h("div", { class: "search" },
      field(t("settings.target"), target),
      inputs.map(([, one], n) => field(t(LIMITS[n][1]), one))),
    said,
    admin && h("button", { class: "button primary" }, t("settings.keep")));
}

// The user's own password; changing it ends the other logins.
function password(name) {
  const input = (autocomplete, more) => h("input", { type: "password", autocomplete, required: true, ...more });
  const old = input("current-password");
  const fresh = input("new-password", { minlength: 12 });
  const again = input("new-password");
  const said = h("p", { role: "status" });
  const button = h("button", { class: "button primary" }, t("password.change"));
  const say = (kind, words) => {
    said.className = kind;
    fill(said, words);
  };
  const submit = async (event) => {
    event.preventDefault();
    if (fresh.value !== again.value) {
      say("problem", t("password.differ"));
      again.focus();
      return;
    }
    button.disabled = true;
    try {
      await send("PUT", "/api/me/password", { old: old.value, new: fresh.value });
      old.value = fresh.value = again.value = "";
      say("good", t("password.changed"));
    } catch (problem) {
      say("problem", problem.message);
    } finally {
      button.disabled = false;
    }
  };
  return h("form", { class: "card", id: "password", on: { submit } },
    h("h2", {}, t("password.title")),
    h("input", { type: "text", autocomplete: "username", value: name, hidden: true }),
    h("div", { class: "search" }, field(t("password.old"), old), field(t("password.new"), fresh, t("users.password")), field(t("password.again"), again)),
    said, button);
}
