// A canvas for finger, pen, mouse and keyboard, in a notebook and on the website.
// What is drawn are strokes: [{ width, points: [[x, y], …] }, …]. All their numbers are
// shares of the canvas' side, so a stroke looks the same on every screen.
// WIDTHS stands in strokes.py, which puts it in front of this.
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TOOLS = `
  <canvas tabindex="0" role="application" aria-label="Draw a digit here with finger, pen or mouse.
    With the keyboard: arrow keys move, the space bar lowers and lifts the pen."></canvas>
  <small aria-hidden="true">Arrow keys move, the space bar lowers and lifts the pen.</small>
  <div role="group" aria-label="Tools">
    <button type="button" data-width="thin">thin</button>
    <button type="button" data-width="thick">thick</button>
    <button type="button" data-tool="undo">undo</button>
    <button type="button" data-tool="clear">clear</button>
  </div>`;
const inside = (share) => Math.round(1000 * Math.min(1, Math.max(0, share))) / 1000;

// Opens a canvas in an element. `changed` gets all strokes after each change by hand.
// Returns a function that shows other strokes, and one that lets go.
function openCanvas(parent, strokes, changed, clearable = true) {
  const root = document.createElement("div");
  root.className = "mnistgan-canvas";
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys
  root.innerHTML = TOOLS;
  parent.append(root);
  const canvas = root.querySelector("canvas"), brush = canvas.getContext("2d");
  const [undo, clear] = root.querySelectorAll("[data-tool]");
  if (!clearable) clear.remove();
  let width = WIDTHS.thick;
  let current = null; // the stroke that is being drawn; `pointer` says by whom
  let pointer = null;
  let cursor = null; // where the keyboard's pen is

  function paint() {
    const side = canvas.width;
    brush.fillStyle = "black";
    brush.fillRect(0, 0, side, side);
    brush.strokeStyle = "white";
    brush.lineCap = brush.lineJoin = "round";
    for (const { width, points } of current ? [...strokes, current] : strokes) {
      brush.lineWidth = width * side;
      brush.beginPath();
      brush.moveTo(points[0][0] * side, points[0][1] * side + 0.01); // a dot is a line, too
      for (const [x, y] of points) brush.lineTo(x * side, y * side);
      brush.stroke();
    }
    if (cursor) {
      brush.strokeStyle = "orange";
      brush.lineWidth = (current ? 0.02 : 0.01) * side;
      brush.beginPath();
      brush.arc(cursor[0] * side, cursor[1] * side, (width / 2) * side, 0, 2 * Math.PI);
      brush.stroke();
    }
    for (const button of root.querySelectorAll("[data-width]"))
      button.setAttribute("aria-pressed", WIDTHS[button.dataset.width] === width);
    // Not `disabled`: that would take the focus from whoever has just pressed it.
    for (const button of [undo, clear]) button.setAttribute("aria-disabled", !strokes.length);
  }
  function change(others) {
    strokes = others; // never the same list: the notebook would not see that it changed
    paint();
    changed(strokes);
  }
  function lower(point, id) {
    [current, pointer] = [{ width, points: [point] }, id];
    paint();
  }
  function follow([x, y]) {
    const [oldX, oldY] = current.points.at(-1);
    if (Math.hypot(x - oldX, y - oldY) > 0.003) current.points.push([x, y]);
  }
  function lift() {
    const done = current;
    current = pointer = null;
    if (done) change([...strokes, done]);
  }
  function place({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [inside((clientX - box.left) / box.width), inside((clientY - box.top) / box.height)];
  }

  canvas.oncontextmenu = (event) => event.preventDefault(); // a slow finger draws, too
  canvas.onpointerdown = (event) => {
    if (pointer === "keyboard") lift();
    if (event.button || current) return; // another button, or a second finger
    canvas.setPointerCapture(event.pointerId); // it may leave the canvas, and come back
    cursor = null;
    lower(place(event), event.pointerId);
  };
  canvas.onpointermove = (event) => {
    if (!current || event.pointerId !== pointer) return;
    // A quick hand moves further than the browser tells at once; it tells when asked.
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) follow(place(one));
    paint();
  };
  canvas.onpointerup = canvas.onpointercancel = (event) => {
    if (event.pointerId === pointer) lift();
  };
  canvas.onkeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own
    if (event.key === " ") {
      cursor ??= [0.5, 0.5];
      if (event.repeat); // held down: that counts once
      else if (current) lift();
      else lower(cursor, "keyboard");
    } else if (KEYS[event.key]) {
      cursor = (cursor ?? [0.5, 0.5]).map((v, i) => inside(v + KEYS[event.key][i] / 28));
      if (pointer === "keyboard") follow(cursor);
    } else return;
    event.preventDefault(); // else the page scrolls
    paint();
  };
  canvas.onblur = () => {
    cursor = null;
    if (pointer === "keyboard") lift();
    paint();
  };
  root.onclick = ({ target }) => {
    width = WIDTHS[target.dataset.width] ?? width;
    if (target === undo && strokes.length) change(strokes.slice(0, -1));
    else if (target === clear && strokes.length) change([]);
    else paint();
  };
  const watch = new ResizeObserver(() => {
    // As many points as the screen has, also where it is zoomed; other sizes wipe it.
    canvas.width = canvas.height = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    paint();
  });
  watch.observe(canvas);
  return { show: (others) => ((strokes = others), paint()), close: () => watch.disconnect() };
}
