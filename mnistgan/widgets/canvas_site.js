// On the website: Streamlit calls this again after each run of the page. What is on the
// canvas then is newer than `data`, so a canvas that is open stays as it is.
const known = new WeakSet();
export default function ({ parentElement, data, setStateValue }) {
  if (known.has(parentElement)) return;
  known.add(parentElement);
  openCanvas(parentElement, data, (strokes) => setStateValue("strokes", strokes));
}
