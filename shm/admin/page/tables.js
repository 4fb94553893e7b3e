/* SPDX-License-Identifier: BSD-2-Clause */
/* What the server says, as tables and figures. Functions of their arguments. */

const STATES = {
	serving: ['good', '●', 'serving'],
	spare: ['', '◇', 'spare'],
	booting: ['warn', '◔', 'starting'],
	loading: ['warn', '◔', 'loading modules'],
	retiring: ['warn', '◑', 'retiring'],
	draining: ['warn', '◑', 'draining'],
	dying: ['bad', '✖', 'dying'],
	down: ['bad', '✖', 'down'],
};
const LONG_NS = 100e6; /* a callback that takes so long is worth a word */

function tag(kind, mark, word) {
	return el('span', { class: 'tag ' + kind }, el('span', { 'aria-hidden': 'true' }, mark + ' '), word);
}

/* columns: [[title, 'n' or '']], rows: arrays of text or nodes. */
function fill(table, columns, rows, empty) {
	const head = el('thead', {}, el('tr', {}, ...columns.map(([title, kind]) => el('th', { scope: 'col', class: kind }, title))));
	const body = el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map((cell, i) => i === 0 ?
		el('th', { scope: 'row', class: columns[0][1] }, cell) :
		el('td', { class: columns[i][1] }, cell)))));
	if (rows.length === 0)
		body.append(el('tr', {}, el('td', { class: 'empty', colspan: columns.length }, empty)));
	table.replaceChildren(head, body);
}

/* 1 a second is a tenth, 100 000 and more is full. */
function waterLevel(rate) {
	return !(rate > 0) ? 0 : Math.min(100, 10 + Math.log10(Math.max(rate, 1)) * 18);
}

function longest(worker) {
	return worker.activities.reduce((a, b) => (a && a.elapsed_ns >= b.elapsed_ns ? a : b), null);
}

function showWorker(worker, rate) {
	const [kind, mark, word] = STATES[worker.state] || ['', '?', worker.state];
	const doing = longest(worker);
	const slow = doing && doing.elapsed_ns > LONG_NS;
	const water = el('div', { class: 'water' });
	water.style.height = waterLevel(rate) + '%';
	const cell = el('li', { class: 'cell ' + (kind === 'bad' ? 'down' : worker.state) }, water,
		el('h3', {}, 'Worker ' + worker.worker,
			el('span', { class: 'state ' + (slow ? 'bad' : kind) }, el('span', { 'aria-hidden': 'true' }, (slow ? '⚠' : mark) + ' '), slow ? 'no progress' : word)));
	if (!worker.pid)
		return cell;
	if (worker.segment_readable)
		cell.append(el('p', {}, (rate === undefined ? '–' : count(rate)) + ' requests/s, ' + worker.stats.requests_active + ' in flight'));
	else if (kind === 'good')
		cell.append(el('p', {}, 'its segment can’t be read'));
	cell.append(el('p', {}, worker.connections + (worker.connections === 1 ? ' connection' : ' connections')));
	if (doing)
		cell.append(el('p', {}, 'in ', el('b', {}, doing.module), ' ' + doing.step.replaceAll('_', ' ') + ', ' + micros(doing.elapsed_ns / 1e3)));
	cell.append(el('p', { class: 'soft' }, 'pid ' + worker.pid + ', up ' + age(worker.uptime_ns) + ', life ' + worker.incarnation));
	return cell;
}

const STANDS = {
	'running': ['bad', '▶'],
	'pending': ['warn', '…'],
	'sending': ['good', '↑'],
	'reading body': ['good', '↓'],
	'reading head': ['good', '↓'],
};

/* The oldest first, for they are what one looks for. */
function showRequests(table, requests, most) {
	const sorted = [...requests].sort((a, b) => b.total_ns - a.total_ns).slice(0, most);
	const rows = sorted.map((r) => {
		const [kind, mark] = STANDS[r.state] || ['', '·'];
		return [r.request || '–', String(r.worker), r.asks_for ? el('code', {}, r.asks_for) : '–',
			tag(r.state === 'running' && r.there_ns < LONG_NS ? 'good' : kind, mark, r.state),
			r.module ? el('b', {}, r.module) : '–', (r.stage || '–').replaceAll('_', ' '),
			micros(r.there_ns / 1e3), micros(r.total_ns / 1e3), r.client + (r.client_port ? ':' + r.client_port : ''),
			r.replays ? tag('warn', '↻', String(r.replays)) : '0'];
	});
	fill(table, [['Request', ''], ['Worker', 'n'], ['Asks for', 'wide'], ['State', ''], ['Module', ''], ['Notification', ''],
		['There for', 'n'], ['In all', 'n'], ['Client', ''], ['Replays', 'n']], rows, 'No request is in flight at this moment.');
}

function showModules(table, status, history) {
	const known = new Map(status.modules.map((m) => [m.name, m]));
	const pools = new Set(status.totals.modules.map((m) => m.pool));
	const rows = status.totals.modules.map((figures) => {
		const m = known.get(figures.name) || { name: figures.name, quarantined: false, crashes: 0 };
		const past = history.modules[m.name];
		const rate = past && past.calls.length ? past.calls[past.calls.length - 1] : 0;
		const at = past ? past.p50_us.findLastIndex((v) => v > 0) : -1;
		const time = (name) => (at < 0 ? '–' : micros(past[name][at]));
		return [pools.size > 1 ? figures.pool + '/' + m.name : m.name,
			m.quarantined ? tag('bad', '✖', 'quarantined for ' + age(m.quarantined_ns)) : tag('good', '✔', 'in use'),
			count(rate), count(figures.calls), count(figures.pending), count(figures.errors),
			m.crashes ? tag('warn', '✖', String(m.crashes)) : '0',
			time('p50_us'), time('p95_us'), time('p99_us'),
			bytes(Math.max(0, figures.allocated - figures.freed))];
	});
	fill(table, [['Module', ''], ['State', ''], ['Calls/s', 'n'], ['Calls', 'n'], ['Pending', 'n'], ['Rules broken', 'n'],
		['Crashes', 'n'], ['p50', 'n'], ['p95', 'n'], ['p99', 'n'], ['Memory kept', 'n']], rows, 'No modules.');
}

function showOperations(table, status, rates) {
	const rows = Object.entries(status.totals.completions).map(([name, total]) =>
		[name.replaceAll('_', ' '), count(rates[name] || 0), count(total)]);
	fill(table, [['Operation', ''], ['A second', 'n'], ['In all', 'n']], rows, 'None.');
}

function crashEnd(report) {
	const word = report.signal || 'exit ' + report.exit_status;
	return tag('bad', '✖', report.hung ? word + ', hung' : word);
}

function crashRequest(culprit) {
	return culprit && culprit.method ? el('code', {}, culprit.method + ' ' + (culprit.target || '')) : '–';
}

/* "1 answered 502, 3 adopted" */
function outcomes(connections) {
	const words = { to_be_adopted: 'to be adopted', answered_502: 'answered 502', client_gone: 'gone by themselves',
		accepted_anew: 'accepted anew', successor_died: 'hit again', untouched: 'untouched' };
	return Object.entries(connections || {})
		.filter(([name, n]) => typeof n === 'number' && n > 0 && name !== 'not_listed')
		.map(([name, n]) => n + ' ' + (words[name] || name)).join(', ') || 'none were open';
}

function showCrashes(table, reports) {
	const rows = reports.map((r) => {
		const who = r.culprit || {};
		const more = el('a', { href: '#crash=' + encodeURIComponent(r.id) }, 'Details', el('span', { class: 'hidden' }, ' of crash ' + r.id));
		return [el('time', { datetime: r.time }, new Date(r.time).toLocaleString()), String(r.worker), crashEnd(r),
			el('b', {}, who.module || 'none was running'), (who.step || '–').replaceAll('_', ' '),
			crashRequest(r.culprit), outcomes(r.connections), more];
	});
	fill(table, [['When', ''], ['Worker', 'n'], ['End', ''], ['Module', ''], ['Notification', ''], ['Request', 'wide'],
		['Its clients', ''], ['', '']], rows, 'No worker has crashed.');
}

function details(pairs) {
	return el('dl', {}, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
		.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

/* All of one report, for the dialog. */
function crashDetails(r) {
	const who = r.culprit || {};
	const recorder = el('table', {});
	const entries = r.recorder || [];
	const last = entries.length ? entries[entries.length - 1].time_ns : 0;
	fill(recorder, [['Before the end', ''], ['Operation', ''], ['Slot', 'n'], ['Bytes', 'n'], ['Status', 'n']],
		entries.map((e) => ['−' + micros((last - e.time_ns) / 1e3), String(e.operation).replaceAll('_', ' '), String(e.slot), String(e.bytes), String(e.status)]),
		'The flight recorder is empty.');
	return [
		details([['End', crashEnd(r)], ['Reason', r.reason], ['Time', new Date(r.time).toLocaleString()],
			['Worker', r.worker + ' (pid ' + r.pid + ', life ' + r.incarnation + ', up ' + age(r.uptime_ns) + ')'],
			['Module', who.module ? el('b', {}, who.module) : 'none was running'], ['File', who.file && el('code', {}, who.file)],
			['Build id', who.build_id && el('code', {}, who.build_id)],
			['Notification', who.step && who.step.replaceAll('_', ' ')],
			['Request', who.request && el('span', {}, who.request + ' ', crashRequest(who))], ['Client', who.client],
			['Callback ran for', who.callback_ns ? micros(who.callback_ns / 1e3) : null],
			['Its clients', outcomes(r.connections)], ['Core dumped', r.core ? 'yes' : 'no'], ['Report', el('code', {}, r.id)]]),
		el('h3', {}, 'Last completions'),
		el('div', { class: 'scroll' }, recorder)];
}
