// How the artist draws, in plain JavaScript: its layers, one after the other.
// Pictures lie row by row, and in each point the channels side by side.
const LAYERS = {
  // Every new number is a sum of all numbers before it, each times a weight.
  dense({ weights, bias }, x) {
    const y = Float32Array.from(bias);
    for (let i = 0; i < x.length; i++)
      if (x[i]) for (let o = 0; o < y.length; o++) y[o] += x[i] * weights[i * y.length + o];
    return y;
  },
  // A transposed convolution: every point stamps its patterns onto a larger sheet.
  stamp({ weights, bias, shape: [height, width, inputs], kernel, stride }, x) {
    const edge = Math.floor((kernel - stride) / 2); // so much of a stamp may lie outside
    const place = (point, k) => point * stride + k - edge;
    return spread(x, weights, bias, [height, width, inputs], kernel, height * stride, width * stride, place);
  },
  // A convolution: every point adds its patterns to the points that look at it.
  convolve({ weights, bias, shape: [height, width, inputs], kernel, stride }, x) {
    const rows = Math.ceil(height / stride), columns = Math.ceil(width / stride);
    const edge = (size, count) => Math.floor(Math.max(0, (count - 1) * stride + kernel - size) / 2);
    const up = edge(height, rows); // square pictures: the same to the left
    const place = (point, k) => (point + up - k) / stride;
    return spread(x, weights, bias, [height, width, inputs], kernel, rows, columns, place);
  },
  // BatchNormalization, once it has learned: times a number, plus a number.
  scale: ({ weights, bias }, x) => x.map((v, i) => v * weights[i % bias.length] + bias[i % bias.length]),
  rescale: ({ by, plus }, x) => x.map((v) => v * by + plus),
  relu: ({ slope, most }, x) => x.map((v) => Math.min(v > 0 ? v : slope * v, most ?? Infinity)),
  tanh: (_, x) => x.map(Math.tanh),
  silu: (_, x) => x.map((v) => v / (1 + Math.exp(-v))),
  // Of two results: where one is shorter, it is the same in all points.
  add: (_, x, y) => pair(x, y, (a, b) => a + b),
  multiply: (_, x, y) => pair(x, y, (a, b) => a * b),
  subtract: (_, x, y) => pair(x, y, (a, b) => a - b),
  // In each point, the numbers of one result after those of the other.
  join({ sizes }, ...parts) {
    const width = sizes.reduce((a, b) => a + b), points = parts[0].length / sizes[0];
    const y = new Float32Array(points * width);
    for (let point = 0; point < points; point++) {
      let to = point * width;
      parts.forEach((x, n) => {
        y.set(x.subarray(point * sizes[n], (point + 1) * sizes[n]), to);
        to += sizes[n];
      });
    }
    return y;
  },
  // The mean over all points.
  mean({ sizes }, x) {
    const y = new Float32Array(sizes);
    x.forEach((v, i) => (y[i % sizes] += (v * sizes) / x.length));
    return y;
  },
  // Each new point lies between up to four old ones, and takes something of each.
  enlarge({ shape: [height, width, channels], size: [rows, columns] }, x) {
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
  part: ({ from, size }, x) => x.subarray(from, from + size),
};

function pair(x, y, both) {
  const longer = x.length < y.length ? y : x;
  return longer.map((_, i) => both(x[i % x.length], y[i % y.length]));
}

// Each number of x, times the weights of each place of the kernel, goes where `place` says.
function spread(x, weights, bias, [height, width, inputs], kernel, rows, columns, place) {
  const outputs = bias.length;
  const y = new Float32Array(rows * columns * outputs).map((_, i) => bias[i % outputs]);
  for (let i = 0; i < height; i++)
    for (let ky = 0; ky < kernel; ky++) {
      const row = place(i, ky);
      if (row < 0 || row >= rows || row % 1) continue;
      for (let j = 0; j < width; j++)
        for (let kx = 0; kx < kernel; kx++) {
          const column = place(j, kx);
          if (column < 0 || column >= columns || column % 1) continue;
          const to = (row * columns + column) * outputs;
          for (let input = 0; input < inputs; input++) {
            const v = x[(i * width + j) * inputs + input];
            if (!v) continue;
            const from = ((ky * kernel + kx) * inputs + input) * outputs;
            for (let o = 0; o < outputs; o++) y[to + o] += v * weights[from + o];
          }
        }
    }
  return y;
}

// From noise (and 0 or 1 for each class that can be asked for) to numbers from -1 to 1.
// Each layer takes results of others: 0 is what was given, n is what layer n has made.
function draw(layers, numbers) {
  const found = [Float32Array.from(numbers)];
  for (const layer of layers) found.push(LAYERS[layer.kind](layer, ...layer.of.map((n) => found[n])));
  return found[layers.length];
}
