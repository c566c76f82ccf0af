// Shows which parts of a cell mattered, in place of its picture. The station computes this, which takes a while and may
// fail.

export const pictureOf = (id, cell) => `/api/sessions/${id}/cells/${cell.number}/crop.jpg`;
const mapOf = (id, cell) => `/api/sessions/${id}/cells/${cell.number}/saliency.png`;

// Loads it for the picture in `place`, unless the user has moved on before it arrives.
export function evidence(place, id, cell, failed) {
  let picture = null;
  let map = null;
  function off() {
    if (map?.isConnected) map.replaceWith(picture);
    map = null;
  }
  function on() {
    if (map) return;
    picture = place.querySelector("img");
    if (!picture) return;
    const coming = picture.cloneNode();
    coming.removeAttribute("loading");
    coming.onload = () => coming === map && picture.replaceWith(coming);
    coming.onerror = () => {
      if (coming !== map) return;
      map = null;
      failed();
    };
    map = coming;
    coming.src = mapOf(id, cell);
  }
  return { on, off };
}
