// In a notebook: anywidget keeps the strokes, and several views show the same ones.
export default {
  render({ model, el }) {
    const changed = (strokes) => {
      model.set("strokes", strokes);
      model.save_changes();
    };
    // The board has a button of its own, which clears files and squares, too.
    const canvas = openCanvas(el, model.get("strokes"), changed, false);
    const follow = () => canvas.show(model.get("strokes"));
    model.on("change:strokes", follow);
    return () => (model.off("change:strokes", follow), canvas.close());
  },
};
