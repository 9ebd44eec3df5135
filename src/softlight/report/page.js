"use strict";
const SVG = "http://www.w3.org/2000/svg";

function make(tag, parent, text) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// Enlarge: one dialog that shows a picture's layers, each with a switch.
const viewer = make("dialog", document.body);
viewer.className = "viewer";
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });

function enlarge(button) {
  const source = button.querySelector("svg");
  const figure = button.closest("figure");
  const form = document.createElement("form");
  form.method = "dialog";
  make("b", form, figure.dataset.title);
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  const large = source.cloneNode(false);
  large.setAttribute("preserveAspectRatio", "xMidYMid meet");
  canvas.append(large);
  const base = source.querySelector("use").cloneNode();
  large.append(base);
  const on = new Set([...source.querySelectorAll("use")].map((use) => use.getAttribute("href")));
  for (const layer of JSON.parse(figure.dataset.layers)) {
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", "#" + layer.id);
    use.style.display = on.has("#" + layer.id) ? "" : "none";
    large.append(use);
    const label = make("label", form);
    const box = make("input", label);
    box.type = "checkbox";
    box.checked = on.has("#" + layer.id);
    box.addEventListener("change", () => { use.style.display = box.checked ? "" : "none"; });
    label.append(layer.name);
  }
  const close = make("button", form, "Close");
  close.className = "plain";
  close.autofocus = true;
  large.addEventListener("click", (event) => {
    const rect = large.getBoundingClientRect();
    const x = (event.clientX - rect.left) / rect.width;
    const y = (event.clientY - rect.top) / rect.height;
    large.classList.toggle("close-up");
    canvas.scrollLeft = x * canvas.scrollWidth - canvas.clientWidth / 2;
    canvas.scrollTop = y * canvas.scrollHeight - canvas.clientHeight / 2;
  });
  viewer.replaceChildren(form, canvas);
  viewer.showModal();
}
for (const button of document.querySelectorAll(".open")) {
  button.addEventListener("click", () => enlarge(button));
}

// Movies: a slider, play and pause, outlines on and off.
for (const movie of document.querySelectorAll(".movie")) {
  const frames = [...movie.querySelectorAll(".frame")];
  const [slider, note, play, box] = ["[type=range]", "output", ".plain", "[type=checkbox]"]
    .map((what) => movie.querySelector(what));
  movie.querySelector(".controls").hidden = false;
  if (frames.length === 1) slider.style.display = play.style.display = "none";
  let timer = 0;
  const show = () => {
    frames.forEach((frame, index) => frame.classList.toggle("on", index === slider.valueAsNumber));
    note.textContent = frames[slider.valueAsNumber].dataset.note;
    slider.setAttribute("aria-valuetext", note.textContent);
  };
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  slider.addEventListener("input", () => { stop(); show(); });
  box.addEventListener("change", () => movie.classList.toggle("bare", !box.checked));
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    play.textContent = "Pause";
    timer = setInterval(() => {
      slider.value = (slider.valueAsNumber + 1) % frames.length;
      show();
    }, 150);
  });
  show();
}

// Tables: a click on a heading sorts by it.
for (const heading of document.querySelectorAll("thead th")) {
  const text = heading.textContent;
  heading.textContent = "";
  make("button", heading, text).addEventListener("click", () => {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = heading.closest("table").tBodies[0];
    const column = heading.cellIndex;
    const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const compare = (a, b) => {
      const [x, y] = [Number(key(a)), Number(key(b))];
      if (Number.isNaN(x) || Number.isNaN(y)) {
        if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // nan stays last
        return (up ? 1 : -1) * key(a).localeCompare(key(b), undefined, { numeric: true });
      }
      return (up ? 1 : -1) * (x - y);
    };
    body.append(...[...body.rows].sort(compare));
  });
}
