/* SPDX-License-Identifier: BSD-2-Clause */
'use strict';
/* Drawing: small things that know nothing of the server. */

const SVG = 'http://www.w3.org/2000/svg';

/* el('td', { class: 'n' }, 'text' or nodes): an element. Text stays text. */
function el(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {}))
		if (value !== null && value !== undefined && value !== false)
			e.setAttribute(name, value);
	e.append(...children.filter((c) => c !== null && c !== undefined));
	return e;
}

function svg(tag, attributes, text) {
	const e = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes || {}))
		e.setAttribute(name, value);
	if (text !== undefined)
		e.textContent = text;
	return e;
}

/* 1234567 is "1.23 M". */
function count(n) {
	for (const [size, unit] of [[1e9, ' G'], [1e6, ' M'], [1e4, ' k']])
		if (n >= size)
			return trim(n / (unit === ' k' ? 1e3 : size)) + unit;
	return trim(n);
}

function trim(n) {
	return n >= 100 ? Math.round(n).toString() : (Math.round(n * 10) / 10).toString();
}

function bytes(n) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0;
	for (; n >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return trim(n) + ' ' + units[i];
}

/* Microseconds, for people. */
function micros(us) {
	if (us < 1000)
		return trim(us) + ' µs';
	return us < 1e6 ? trim(us / 1e3) + ' ms' : trim(us / 1e6) + ' s';
}

function age(ns) {
	const s = Math.floor(ns / 1e9);
	if (s < 120)
		return s + ' s';
	if (s < 7200)
		return Math.floor(s / 60) + ' min';
	return s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' d';
}

/* A scale from values to pixels, with the ticks that are worth a line. */
function linear(most, height) {
	let step = Math.pow(10, Math.floor(Math.log10(Math.max(most, 1) / 2)));
	for (const factor of [1, 2, 5, 10])
		if (most / (step * factor) <= 4) {
			step *= factor;
			break;
		}
	step = Math.max(step, 1);
	const top = Math.max(Math.ceil(most / step), 1) * step;
	const ticks = [];
	for (let t = 0; t <= top; t += step)
		ticks.push(t);
	return { ticks, at: (v) => height - v / top * height };
}

/* Times reach over decades. What is 0 wasn't measured. */
function decades(least, most, height) {
	const low = Math.floor(Math.log10(Math.max(least, 1)));
	const high = Math.max(Math.ceil(Math.log10(Math.max(most, 1))), low + 1);
	const ticks = [];
	for (let d = low; d <= high; d++)
		ticks.push(Math.pow(10, d));
	return {
		ticks,
		at: (v) => height - (Math.log10(v) - low) / (high - low) * height,
	};
}

/* Where values are above 0, with the zeros beside: [[from, to], ...]. */
function runs(values) {
	const found = [];
	let from = -1;
	values.forEach((v, i) => {
		if (v > 0 && from < 0)
			from = Math.max(0, i - 1);
		if (v <= 0 && from >= 0) {
			found.push([from, i]);
			from = -1;
		}
	});
	if (from >= 0)
		found.push([from, values.length - 1]);
	return found;
}

/*
 * A plot in a card: title, choices at its right, lines or stacked areas over
 * time, a legend that says what each line is now, or under the cursor. It can
 * be pointed at, or walked through with the arrow keys.
 */
class Plot {
	constructor(place, options) {
		this.options = options;
		this.series = [];
		this.times = [];
		this.cursor = null;
		this.svg = svg('svg', { class: 'draw', role: 'img', tabindex: '0' });
		this.legend = el('ul', { class: 'legend' });
		this.tools = el('div', { class: 'tools' },
			el('div', { class: 'head' }, el('h2', {}, options.title),
				el('p', {}, options.note || '')));
		place.append(el('figure', {}, this.tools, this.svg, this.legend));
		this.svg.addEventListener('pointermove', (e) => this.point(e));
		this.svg.addEventListener('pointerleave', () => this.move(null));
		this.svg.addEventListener('blur', () => this.move(null));
		this.svg.addEventListener('keydown', (e) => this.key(e));
		new ResizeObserver(() => this.draw()).observe(this.svg);
	}

	/* series: [{ label, values }], each with a value a time. */
	update(times, series) {
		this.times = times;
		this.series = series;
		this.draw();
	}

	point(event) {
		const box = this.svg.getBoundingClientRect();
		const x = (event.clientX - box.left - this.left) / this.width;
		const n = this.times.length;
		this.move(n < 2 || x < -.05 ? null :
			Math.min(n - 1, Math.max(0, Math.round(x * (n - 1)))));
	}

	key(event) {
		const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 };
		const n = this.times.length;
		if (!(event.key in steps) || n === 0)
			return;
		event.preventDefault();
		const from = this.cursor === null ? n - 1 : this.cursor;
		this.move(Math.min(n - 1, Math.max(0, from + steps[event.key])));
	}

	move(cursor) {
		if (cursor === this.cursor)
			return;
		this.cursor = cursor;
		this.draw();
	}

	scale(height) {
		const all = this.options.stacked ? this.sums() : this.series.flatMap((s) => s.values);
		const seen = all.filter((v) => v > 0);
		const most = seen.reduce((a, b) => Math.max(a, b), 0);
		if (this.options.log)
			return decades(seen.reduce((a, b) => Math.min(a, b), most), most, height);
		return linear(most, height);
	}

	sums() {
		return this.times.map((_, i) => this.series.reduce((sum, s) => sum + s.values[i], 0));
	}

	draw() {
		const box = { w: this.svg.clientWidth || 480, h: this.svg.clientHeight || 210 };
		this.left = 56;
		this.width = box.w - this.left - 10;
		const height = box.h - 30;
		const scale = this.scale(height);
		const n = this.times.length;
		const x = (i) => this.left + (n < 2 ? this.width : i / (n - 1) * this.width);
		const y = (v) => 8 + scale.at(v);
		this.svg.replaceChildren();
		for (const t of scale.ticks) {
			this.svg.append(svg('line', { class: 'grid', x1: this.left, x2: this.left + this.width, y1: y(t), y2: y(t) }));
			this.svg.append(svg('text', { class: 'tick', x: this.left - 7, y: y(t) + 4, 'text-anchor': 'end' }, this.options.format(t)));
		}
		this.drawTimes(x, box.h - 6);
		if (this.options.stacked)
			this.drawAreas(x, y);
		else
			this.drawLines(x, y);
		if (this.cursor !== null && this.cursor < n)
			this.svg.append(svg('line', { class: 'cursor', x1: x(this.cursor), x2: x(this.cursor), y1: 8, y2: 8 + height }));
		if (n === 0 || (this.options.log && !this.series.some((s) => s.values.some((v) => v > 0))))
			this.svg.append(svg('text', { class: 'none', x: this.left + this.width / 2, y: height / 2, 'text-anchor': 'middle' }, this.options.none));
		this.drawLegend();
	}

	drawTimes(x, y) {
		const n = this.times.length;
		if (n < 2)
			return;
		const last = this.times[n - 1];
		const words = (i) => {
			const s = Math.round((last - this.times[i]) / 1000);
			if (s === 0)
				return 'now';
			return s < 120 ? '−' + s + ' s' : '−' + Math.round(s / 60) + ' min';
		};
		for (const [part, anchor] of [[0, 'start'], [.5, 'middle'], [1, 'end']]) {
			const i = Math.round(part * (n - 1));
			this.svg.append(svg('text', { class: 'tick', x: x(i), y, 'text-anchor': anchor }, words(i)));
		}
	}

	drawLines(x, y) {
		this.series.forEach((s, k) => {
			let d = '', pen = 'M';
			s.values.forEach((v, i) => {
				if (this.options.log && v <= 0) {
					pen = 'M';
					return;
				}
				d += pen + x(i).toFixed(1) + ' ' + y(v).toFixed(1);
				/* A lone point is a dot: a line of no length, with round caps. */
				if (pen === 'M')
					d += 'h0';
				pen = 'L';
			});
			this.svg.append(svg('path', { class: 'series c' + k % 8, d }));
		});
	}

	drawAreas(x, y) {
		let below = this.times.map(() => 0);
		this.series.forEach((s, k) => {
			const above = below.map((b, i) => b + s.values[i]);
			for (const [from, to] of runs(s.values)) {
				let d = '';
				for (let i = from; i <= to; i++)
					d += (i > from ? 'L' : 'M') + x(i).toFixed(1) + ' ' + y(above[i]).toFixed(1);
				for (let i = to; i >= from; i--)
					d += 'L' + x(i).toFixed(1) + ' ' + y(below[i]).toFixed(1);
				this.svg.append(svg('path', { class: 'series filled c' + k % 8, d: d + 'Z' }));
			}
			below = above;
		});
	}

	drawLegend() {
		const n = this.times.length;
		const i = this.cursor === null ? n - 1 : Math.min(this.cursor, n - 1);
		const items = this.series.map((s, k) => {
			const sample = svg('svg', { viewBox: '0 0 26 10', 'aria-hidden': 'true' });
			sample.append(this.options.stacked ?
				svg('path', { class: 'series filled c' + k % 8, d: 'M1 1H25V9H1Z' }) :
				svg('path', { class: 'series c' + k % 8, d: 'M1 5H25' }));
			const v = n === 0 ? 0 : s.values[i];
			const text = this.options.log && v <= 0 ? '–' : this.options.format(v);
			return el('li', {}, sample, s.label, el('b', {}, text));
		});
		if (this.cursor !== null && n > 0)
			items.push(el('li', { class: 'when' }, new Date(this.times[i]).toLocaleTimeString()));
		this.legend.replaceChildren(...items);
		this.svg.setAttribute('aria-label', this.options.title + ': ' +
			this.series.map((s) => s.label + ' ' + (n === 0 ? 'unknown' : this.options.format(s.values[i]))).join(', '));
	}
}

/* A small line without axes, 0 to 1 each way. */
function spark(values) {
	const s = svg('svg', { viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
	const most = values.reduce((a, b) => Math.max(a, b), 0) || 1;
	if (values.length < 2)
		return s;
	const d = values.map((v, i) => (i ? 'L' : 'M') + (i / (values.length - 1) * 100).toFixed(2) + ' ' + (29 - v / most * 26).toFixed(2)).join('');
	s.append(svg('path', { class: 'area', d: d + 'L100 30L0 30Z' }), svg('path', { d }));
	return s;
}
