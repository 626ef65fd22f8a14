// How the artist draws, in plain JavaScript: its layers, one after the other.
// Pictures lie row by row, and in each point the channels side by side.
const LAYERS = {
  // Every new number is a sum of all numbers before it, each times a weight.
  dense(x, { weights, bias }) {
    const y = Float32Array.from(bias);
    for (let i = 0; i < x.length; i++)
      if (x[i]) for (let o = 0; o < y.length; o++) y[o] += x[i] * weights[i * y.length + o];
    return y;
  },
  // A transposed convolution: every point stamps its patterns onto a larger sheet.
  stamp(x, { weights, bias, shape: [height, width, inputs], kernel, stride }) {
    const outputs = bias.length, rows = height * stride, columns = width * stride;
    const y = new Float32Array(rows * columns * outputs).map((_, i) => bias[i % outputs]);
    const edge = Math.floor((kernel - stride) / 2); // so much of a stamp may lie outside
    for (let i = 0; i < x.length; i++) {
      const input = i % inputs, point = (i - input) / inputs, column = point % width;
      for (let ky = 0; x[i] && ky < kernel; ky++)
        for (let kx = 0; kx < kernel; kx++) {
          const row = ((point - column) / width) * stride + ky - edge;
          const place = column * stride + kx - edge;
          if (row < 0 || row >= rows || place < 0 || place >= columns) continue;
          const from = ((ky * kernel + kx) * inputs + input) * outputs;
          const to = (row * columns + place) * outputs;
          for (let o = 0; o < outputs; o++) y[to + o] += x[i] * weights[from + o];
        }
    }
    return y;
  },
  // Each new point lies between up to four old ones, and takes something of each.
  enlarge(x, { shape: [height, width, channels], size: [rows, columns] }) {
    const y = new Float32Array(rows * columns * channels);
    const between = (i, from, to) => Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    for (let i = 0; i < y.length; i++) {
      const c = i % channels, place = ((i - c) / channels) % columns;
      const down = between(Math.floor(i / channels / columns), height, rows);
      const right = between(place, width, columns);
      for (const row of [Math.floor(down), Math.floor(down) + 1])
        for (const column of [Math.floor(right), Math.floor(right) + 1]) {
          const share = (1 - Math.abs(down - row)) * (1 - Math.abs(right - column));
          if (share) y[i] += share * x[(row * width + column) * channels + c];
        }
    }
    return y;
  },
  relu: (x, { slope }) => x.map((v) => (v > 0 ? v : slope * v)),
  tanh: (x) => x.map(Math.tanh),
};

// From noise (and 0 or 1 for each class that can be asked for) to numbers from -1 to 1.
function draw(layers, noise) {
  return layers.reduce((x, layer) => LAYERS[layer.kind](x, layer), Float32Array.from(noise));
}
