'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const byId = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ints = (text) => new Int32Array(bytes(text).buffer);
  const coords = ints(data.coords);
  const missing = ints(data.missing);
  const probabilities = new Float32Array(bytes(data.probabilities).buffer);
  const scale = bytes(data.scale);
  const classes = data.classes.length;
  const tiles = coords.length / 2;
  const size = data.size;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;

  // The slide. A picture that was not written has no tissue: a coarser one serves.
  const { pyramid } = data;
  const written = pyramid.exists.map(bytes);
  const viewer = OpenSeadragon({
    element: byId('slide'),
    drawer: 'canvas',
    showNavigationControl: false,
    showNavigator: matchMedia('(min-width: 48.01rem)').matches,
    navigatorPosition: 'BOTTOM_RIGHT',
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true },
    maxZoomPixelRatio: 4,
    visibilityRatio: 0.4,
    minZoomImageRatio: 0.6,
    animationTime: still ? 0 : 0.6,
    tileSources: {
      width: pyramid.width,
      height: pyramid.height,
      tileSize: 256,
      tileOverlap: 0,
      minLevel: 0,
      maxLevel: pyramid.top,
      getTileUrl: (level, x, y) => `tiles/${level}/${x}_${y}.jpg`,
      tileExists: (level, x, y) => {
        if (!(level >= 0 && level <= pyramid.top)) return false;
        const columns = pyramid.columns[level];
        const place = y * columns + x;
        if (x < 0 || y < 0 || x >= columns) return false;
        return Boolean((written[level][place >> 3] >> (place & 7)) & 1);
      },
    },
  });
  const whole = pyramid.width * pyramid.downsample; // level-0 pixels across

  // The heat, drawn on a canvas of its own above the slide.
  const heat = document.createElement('canvas');
  heat.id = 'heat';
  viewer.canvas.after(heat);
  const pen = heat.getContext('2d');
  let layer = 'class';
  let chosen = -1; // the tile that is outlined
  let order = []; // [colour, tiles] of the layer
  function paintOrder() {
    const groups = new Map();
    for (let i = 0; i < tiles; i += 1) {
      const group = layer === 'class'
        ? likeliest(i)
        : Math.round(probabilities[i * classes + Number(layer)] * 255);
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(i);
    }
    const colour = (group) => layer === 'class'
      ? data.colours[group]
      : `rgb(${scale[3 * group]},${scale[3 * group + 1]},${scale[3 * group + 2]})`;
    order = layer === 'none' ? [] : Array.from(groups, ([g, all]) => [colour(g), all]);
  }
  function likeliest(i) {
    let best = 0;
    for (let k = 1; k < classes; k += 1) {
      if (probabilities[i * classes + k] > probabilities[i * classes + best]) best = k;
    }
    return best;
  }
  function view() {
    const { viewport } = viewer;
    const origin = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const end = viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
    return { left: origin.x, top: origin.y, zoom: (end.x - origin.x) / whole };
  }
  function edges(x, y, { left, top, zoom }) {
    const x0 = Math.round(left + x * zoom);
    const y0 = Math.round(top + y * zoom);
    // Corners are whole pixels, so that neighbours may be a pixel of the slide apart.
    const x1 = Math.round(left + (x + size + 1) * zoom);
    const y1 = Math.round(top + (y + size + 1) * zoom);
    return [x0, y0, Math.max(1, x1 - x0), Math.max(1, y1 - y0)];
  }
  function draw() {
    if (!viewer.viewport || !viewer.world.getItemCount()) return;
    const ratio = window.devicePixelRatio || 1;
    const width = heat.clientWidth;
    const height = heat.clientHeight;
    if (heat.width !== Math.round(width * ratio) || heat.height !== Math.round(height * ratio)) {
      heat.width = Math.round(width * ratio);
      heat.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const now = view();
    // The canvas is opaque where there are tiles; overlapping tiles do not add up.
    const opacity = byId('opacity').value / 100;
    pen.globalCompositeOperation = 'copy';
    pen.clearRect(0, 0, width, height);
    pen.globalCompositeOperation = 'source-over';
    for (const [colour, all] of order) {
      pen.fillStyle = colour;
      for (const i of all) {
        const box = edges(coords[2 * i], coords[2 * i + 1], now);
        if (box[0] > width || box[1] > height || box[0] + box[2] < 0 || box[1] + box[3] < 0) continue;
        pen.fillRect(...box);
      }
    }
    pen.globalCompositeOperation = 'destination-in';
    pen.fillStyle = `rgba(0,0,0,${opacity})`;
    pen.fillRect(0, 0, width, height);
    pen.globalCompositeOperation = 'source-over';
    drawMissing(now);
    drawChosen(now);
    drawRuler(now.zoom);
  }
  function drawMissing(now) {
    pen.strokeStyle = '#b00020';
    pen.lineWidth = 1.5;
    for (let i = 0; i < missing.length; i += 2) {
      const [x, y, w, h] = edges(missing[i], missing[i + 1], now);
      pen.strokeRect(x + 1, y + 1, w - 2, h - 2);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x + w, y + h);
      pen.stroke();
    }
  }
  function drawChosen(now) {
    if (chosen < 0) return;
    const [x, y, w, h] = edges(coords[2 * chosen], coords[2 * chosen + 1], now);
    pen.lineWidth = 4;
    pen.strokeStyle = '#fff';
    pen.strokeRect(x, y, w, h);
    pen.lineWidth = 2;
    pen.strokeStyle = '#17212b';
    pen.strokeRect(x, y, w, h);
  }
  function drawRuler(zoom) {
    const room = 110 * data.mpp / zoom; // µm across 110 pixels of the screen
    const power = 10 ** Math.floor(Math.log10(room));
    const length = power * [5, 2, 1].find((step) => step * power <= room);
    const label = byId('ruler-length');
    label.style.width = `${(length / data.mpp) * zoom}px`;
    label.textContent = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
  }
  for (const event of ['open', 'update-viewport', 'resize', 'viewport-change']) {
    viewer.addHandler(event, draw);
  }

  // Which tile is under the pointer: tiles by the cell of their left top corner.
  const cells = new Map();
  for (let i = 0; i < tiles; i += 1) {
    const key = `${Math.floor(coords[2 * i] / size)} ${Math.floor(coords[2 * i + 1] / size)}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(i);
  }
  function tileAt(x, y) {
    let best = -1;
    let nearest = Infinity;
    for (const dx of [0, -1]) {
      for (const dy of [0, -1]) {
        const key = `${Math.floor(x / size) + dx} ${Math.floor(y / size) + dy}`;
        for (const i of cells.get(key) ?? []) {
          const right = x - coords[2 * i];
          const down = y - coords[2 * i + 1];
          const away = Math.max(Math.abs(right - size / 2), Math.abs(down - size / 2));
          if (right >= 0 && right < size && down >= 0 && down < size && away < nearest) {
            best = i;
            nearest = away;
          }
        }
      }
    }
    return best;
  }
  const isMissing = (x, y) => {
    for (let i = 0; i < missing.length; i += 2) {
      const right = x - missing[i];
      const down = y - missing[i + 1];
      if (right >= 0 && right < size && down >= 0 && down < size) return true;
    }
    return false;
  };

  const tip = byId('tip');
  function element(name, text, parent) {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    parent.append(made);
    return made;
  }
  function describe(i) {
    tip.replaceChildren();
    const table = element('table', null, tip);
    const best = likeliest(i);
    for (let k = 0; k < classes; k += 1) {
      const row = element('tr', null, table);
      row.classList.toggle('likeliest', k === best);
      const head = element('th', null, row);
      head.scope = 'row';
      element('i', '', head).style.background = data.colours[k];
      head.append(data.classes[k]);
      element('td', probabilities[i * classes + k].toFixed(4), row);
    }
    element('p', `x ${coords[2 * i]}, y ${coords[2 * i + 1]}, ${size} px (${Math.round(size * data.mpp)} µm)`, tip);
    tip.dataset.tile = i;
  }
  function place(x, y) {
    tip.hidden = false;
    const { clientWidth, clientHeight } = byId('stage');
    const left = x + 18 + tip.offsetWidth > clientWidth ? x - tip.offsetWidth - 12 : x + 18;
    const top = y + 18 + tip.offsetHeight > clientHeight ? y - tip.offsetHeight - 12 : y + 18;
    const fit = (n, most) => Math.max(6, Math.min(n, most - 6));
    tip.style.transform = `translate(${fit(left, clientWidth - tip.offsetWidth)}px, ${fit(top, clientHeight - tip.offsetHeight)}px)`;
  }
  function point(position) {
    const now = view();
    const x = (position.x - now.left) / now.zoom;
    const y = (position.y - now.top) / now.zoom;
    const before = chosen;
    chosen = tileAt(x, y);
    if (chosen >= 0) {
      if (chosen !== before) describe(chosen);
      place(position.x, position.y);
    } else if (isMissing(x, y)) {
      tip.replaceChildren('This tile could not be read.');
      place(position.x, position.y);
    } else {
      tip.hidden = true;
    }
    if (chosen !== before) draw();
  }
  const stage = byId('slide');
  stage.addEventListener('pointermove', (event) => {
    if (event.pointerType === 'mouse' && !event.buttons) point(within(event));
  });
  stage.addEventListener('pointerleave', (event) => {
    if (event.pointerType !== 'mouse') return;
    chosen = -1;
    tip.hidden = true;
    draw();
  });
  function within(event) {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }
  viewer.addHandler('canvas-click', (event) => {
    if (event.quick) point(event.position);
  });
  viewer.addHandler('canvas-drag', () => { tip.hidden = true; });

  // Layers.
  const radios = Array.from(document.querySelectorAll('input[name=layer]'));
  function show(value) {
    layer = value;
    for (const radio of radios) radio.checked = radio.value === value;
    byId('scale').hidden = value === 'none' || value === 'class';
    if (value !== 'none' && value !== 'class') {
      for (const part of document.querySelectorAll('.top-tiles')) {
        part.hidden = part.dataset.class !== value;
      }
    }
    heat.dataset.layer = value;
    paintOrder();
    draw();
  }
  for (const radio of radios) radio.addEventListener('change', () => show(radio.value));
  const opacity = byId('opacity');
  function showOpacity() {
    byId('opacity-number').textContent = `${opacity.value} %`;
    draw();
  }
  opacity.addEventListener('input', showOpacity);
  const bar = document.querySelector('#scale canvas').getContext('2d');
  for (let i = 0; i < 256; i += 1) {
    bar.fillStyle = `rgb(${scale[3 * i]},${scale[3 * i + 1]},${scale[3 * i + 2]})`;
    bar.fillRect(i, 0, 1, 1);
  }

  // The surest tiles.
  const buttons = Array.from(document.querySelectorAll('[data-tile]:not(#tip)'));
  function goTo(button) {
    for (const other of buttons) other.removeAttribute('aria-current');
    button.setAttribute('aria-current', 'true');
    chosen = Number(button.dataset.tile);
    describe(chosen);
    const around = 5 * size;
    const x = coords[2 * chosen] + size / 2 - around / 2;
    const y = coords[2 * chosen + 1] + size / 2 - around / 2;
    const box = [x, y, around, around].map((n) => n / whole);
    viewer.viewport.fitBounds(new OpenSeadragon.Rect(...box), still);
    const anchor = () => {
      if (chosen !== Number(button.dataset.tile)) return;
      const [left, top, width] = edges(coords[2 * chosen], coords[2 * chosen + 1], view());
      place(left + width, top);
    };
    viewer.addOnceHandler('animation-finish', anchor);
    if (still) anchor();
    if (matchMedia('(max-width: 48rem)').matches) byId('stage').scrollIntoView();
  }
  for (const button of buttons) button.addEventListener('click', () => goTo(button));
  function step(by) {
    const open = buttons.filter((b) => !b.closest('[hidden]'));
    const at = open.findIndex((b) => b.hasAttribute('aria-current'));
    if (!open.length) return;
    const next = at < 0 ? (by > 0 ? 0 : open.length - 1) : (at + by + open.length) % open.length;
    open[next].focus({ preventScroll: true });
    goTo(open[next]);
  }

  // Keys and buttons.
  const zoomBy = (factor) => {
    viewer.viewport.zoomBy(factor);
    viewer.viewport.applyConstraints();
  };
  const home = () => viewer.viewport.goHome(still);
  byId('zoom-in').addEventListener('click', () => zoomBy(1.6));
  byId('zoom-out').addEventListener('click', () => zoomBy(1 / 1.6));
  byId('whole').addEventListener('click', home);
  const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const typing = event.target.matches?.('input, summary');
    if (/^[0-9]$/.test(key)) {
      const number = Number(key);
      if (number === 0) show('none');
      else if (number <= classes) show(String(number - 1));
      else if (number === classes + 1) show('class');
      else return;
    } else if (key === '[' || key === ']') {
      opacity.value = Number(opacity.value) + (key === ']' ? 10 : -10);
      showOpacity();
    } else if (key === 'n' || key === 'p') step(key === 'n' ? 1 : -1);
    else if (key === 'w') home();
    else if (key === '+' || key === '=') zoomBy(1.3);
    else if (key === '-' || key === '−') zoomBy(1 / 1.3);
    else if (pan[event.key] && !typing) {
      const [x, y] = pan[event.key].map((n) => n * 60);
      const by = viewer.viewport.deltaPointsFromPixels(new OpenSeadragon.Point(x, y));
      viewer.viewport.panBy(by);
      viewer.viewport.applyConstraints();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
  // Before OpenSeadragon's own keys, which rotate and flip.
  document.addEventListener('keydown', onKey, true);
  document.addEventListener('keypress', (event) => {
    if (event.target.closest?.('.openseadragon-canvas')) event.stopPropagation();
  }, true);

  showOpacity();
  show('class');
})();
