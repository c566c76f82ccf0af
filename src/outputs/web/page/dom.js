// Builds elements from code. Text is never parsed as markup.

const PLAIN = new Set(["value", "checked", "disabled", "hidden", "selected", "indeterminate"]);

// `props`: class, dataset, on (listeners by event), vars (CSS custom properties), and attributes or properties by name.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "vars") for (const [key, number] of Object.entries(value)) element.style.setProperty(key, number);
    else if (PLAIN.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  put(element, children);
  return element;
}

function put(element, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) for (const one of child) put(element, one);
  else element.append(child);
}

// Replaces the content of `element`.
export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
}

// A labelled field of a form.
export function field(label, input, hint) {
  const id = `field-${(fields += 1)}`;
  input.id = id;
  const said = hint ? h("small", { id: `${id}-hint` }, hint) : null;
  if (said) input.setAttribute("aria-describedby", said.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, said);
}
let fields = 0;
