/* SPDX-License-Identifier: BSD-2-Clause */
/* The page: asks once a second, keeps what it heard, shows it. */

const KEEP = 900;
const STEP_MS = 1000;
const PATIENCE_MS = 4000;
const REQUESTS = 100; /* rows at most */
const CRASHES_MS = 3000;
const $ = (id) => document.getElementById(id);

const state = {
	next: 0,
	times: [],
	series: {},
	modules: {},
	status: null,
	before: null,
	rates: new Map(),
	operations: {},
	requests: [],
	deaths: -1,
	crashesAt: 0,
	crashes: null,
	paused: false,
	window: 300,
	percentile: 'p99_us',
	trouble: '',
};

const ms = (v) => micros(v);
const plots = {
	requests: new Plot($('plot-requests'), { title: 'Requests a second', note: 'by status of the answer', stacked: true, format: count, none: 'No figures yet' }),
	latency: new Plot($('plot-latency'), { title: 'Time of a request', note: 'from its head to its end', log: true, format: ms, none: 'No requests in this time' }),
	modules: new Plot($('plot-modules'), { title: 'Time in a module', note: 'per callback', log: true, format: ms, none: 'No callbacks in this time' }),
	ring: new Plot($('plot-ring'), { title: 'Ring and requests', note: 'at the end of each second', format: count, none: 'No figures yet' }),
};

async function ask(path) {
	const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' });
	if (!answer.ok)
		throw new Error(path + ': ' + answer.status);
	return answer.json();
}

/* Points that follow on ours are added; any others begin anew. */
function keepHistory(h) {
	if (h.first !== state.next) {
		state.times = [];
		state.series = {};
		state.modules = {};
	}
	const had = state.times.length;
	const join = (old, more) => (old || new Array(had).fill(0)).concat(more).slice(-KEEP);
	for (const name of Object.keys(h.series))
		state.series[name] = join(state.series[name], h.series[name]);
	for (const [name, m] of Object.entries(h.modules)) {
		const known = state.modules[name] || {};
		for (const field of Object.keys(m))
			known[field] = join(known[field], m[field]);
		state.modules[name] = known;
	}
	state.times = state.times.concat(h.time_ms).slice(-KEEP);
	state.next = h.next;
}

function perSecond(now, before, seconds) {
	return seconds > 0 && now >= before ? (now - before) / seconds : 0;
}

/* What each worker and operation did since the last look. */
function keepStatus(status) {
	const before = state.status;
	state.status = status;
	if (!before)
		return;
	const seconds = (status.master.uptime_ns - before.master.uptime_ns) / 1e9;
	if (seconds <= 0)
		return;
	const old = new Map(before.workers.map((w) => [w.incarnation, w]));
	state.rates = new Map(status.workers.map((w) => {
		const o = old.get(w.incarnation);
		return [w.incarnation, w.stats && o && o.stats ? perSecond(w.stats.requests, o.stats.requests, seconds) : 0];
	}));
	for (const [name, n] of Object.entries(status.totals.completions))
		state.operations[name] = perSecond(n, before.totals.completions[name], seconds);
}

const last = (name) => (state.series[name] && state.series[name].length ? state.series[name][state.series[name].length - 1] : 0);
const recent = (values) => (values || []).slice(-state.window);

function lastTime(name) {
	const values = state.series[name] || [];
	const at = values.findLastIndex((v, i) => v > 0 && i >= values.length - 60);
	return at < 0 ? null : values[at];
}

function tile(title, value, unit, more, series) {
	return el('article', { class: 'tile' }, el('h2', {}, title),
		el('p', { class: 'value' }, value, el('span', { class: 'unit' }, unit ? ' ' + unit : '')),
		el('p', { class: 'more' }, more), series ? spark(recent(state.series[series])) : null);
}

function split(text) {
	const at = text.lastIndexOf(' ');
	return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function showTiles() {
	const m = state.status.master;
	const p99 = lastTime('p99_us');
	const p50 = lastTime('p50_us');
	const [time, unit] = p99 === null ? ['–', ''] : split(micros(p99));
	const deaths = recent(state.series.deaths).reduce((a, b) => a + b, 0);
	$('tiles').replaceChildren(
		tile('Requests', count(last('requests')), '/s', count(state.status.totals.stats.requests) + ' in all', 'requests'),
		tile('In flight', count(last('active')), '', count(last('parked')) + ' parked', 'active'),
		tile('99 % within', time, unit, p50 === null ? 'no requests lately' : 'half within ' + micros(p50), 'p99_us'),
		tile('Server errors', count(last('responses_5xx')), '/s', count(state.status.totals.stats.responses_5xx) + ' in all', 'responses_5xx'),
		tile('Connections', count(m.connections_open), '', 'of ' + count(m.connections_max) + ' at most', 'connections'),
		tile('Workers died', count(m.workers_died), '', deaths + ' in this window', 'deaths'));
}

function showHead() {
	const m = state.status.master;
	const kinds = { serving: ['good', '●'], starting: ['warn', '◔'], stopping: ['warn', '◑'], draining: ['warn', '◑'] };
	const [kind, mark] = state.trouble ? ['bad', '✖'] : kinds[m.phase] || ['bad', '✖'];
	$('phase').className = 'pill ' + kind;
	$('phase').querySelector('.mark').textContent = mark;
	$('phase').querySelector('.word').textContent = state.trouble ? 'no news' : m.phase;
	$('about').textContent = 'up ' + age(m.uptime_ns) + ' · on ' + m.listeners.join(', ') +
		' · version ' + m.version + ' · pid ' + m.pid + ' · ' + m.workers + (m.workers === 1 ? ' worker' : ' workers');
	document.title = (state.trouble ? '✖ ' : '') + count(last('requests')) + ' requests/s · Bulkhead';
}

/* One line for what needs somebody; said again only when it changes. */
function showBanner() {
	const out = (state.status ? state.status.modules : []).filter((m) => m.quarantined).map((m) => m.name);
	let text = '', kind = 'warn';
	if (state.trouble) {
		text = state.trouble;
		kind = 'bad';
	} else if (out.length) {
		text = '⚠ Under quarantine: ' + out.join(', ') + '. Requests that need it get 503, all others go on.';
	}
	if ($('banner').textContent === text)
		return;
	$('banner').className = text ? 'banner ' + kind : '';
	$('banner').textContent = text;
}

function showPlots() {
	const times = recent(state.times);
	const lines = (names) => names.map(([name, label]) => ({ label, values: recent(state.series[name]) }));
	plots.requests.update(times, lines([['responses_2xx', '2xx'], ['responses_3xx', '3xx'], ['responses_4xx', '4xx'], ['responses_5xx', '5xx']]));
	plots.latency.update(times, lines([['p50_us', 'p50'], ['p95_us', 'p95'], ['p99_us', 'p99']]));
	plots.ring.update(times, lines([['ring_depth', 'completions waiting'], ['records_used', 'operations outstanding'], ['active', 'requests in flight'], ['parked', 'of these parked']]));
	plots.modules.update(times, Object.entries(state.modules).map(([label, m]) => ({ label, values: recent(m[state.percentile]) })));
}

function show() {
	if (state.status) {
		showHead();
		showTiles();
		$('ship').replaceChildren(...state.status.workers.map((w) => showWorker(w, state.rates.get(w.incarnation))));
		showPlots();
		showRequests($('requests'), state.requests, REQUESTS);
		$('requests-note').textContent = state.requests.length > REQUESTS ?
			'The oldest ' + REQUESTS + ' of ' + state.requests.length + '.' : 'The oldest first.';
		showModules($('modules'), state.status, state);
		showOperations($('operations'), state.status, state.operations);
	}
	showBanner();
}

/* #crash=ID shows that one, so that it can be linked to. */
async function openCrash() {
	const [name, id] = location.hash.slice(1).split('=');
	if (name !== 'crash' || !id)
		return;
	let body;
	try {
		body = crashDetails(await ask('api/crashes/' + id));
	} catch (error) {
		body = ['This report is gone: ' + error.message];
	}
	$('crash-body').replaceChildren(...body);
	if (!$('crash').open)
		$('crash').showModal();
}

/* Files: asked for when a worker died, and now and then. */
async function lookAtCrashes() {
	const died = state.status.master.workers_died;
	if (died === state.deaths && Date.now() - state.crashesAt < CRASHES_MS)
		return;
	const reports = await ask('api/crashes');
	const key = JSON.stringify(reports);
	state.deaths = died;
	state.crashesAt = Date.now();
	if (key === state.crashes)
		return;
	state.crashes = key;
	$('crashes-note').textContent = reports.length === 0 ? '' : reports.length + (reports.length === 1 ? ' report' : ' reports') + ', the newest first';
	showCrashes($('crashes'), reports);
}

async function look() {
	try {
		const [history, status, requests, health] = await Promise.all([ask('api/history?since=' + state.next),
			ask('api/status'), ask('api/requests'), ask('api/state')]);
		state.requests = requests;
		keepHistory(history);
		keepStatus(status);
		state.trouble = health.stale ? 'The master doesn’t answer: what you see is old. ' + health.trouble : '';
		await lookAtCrashes();
	} catch (error) {
		state.trouble = 'bulkhead-admin doesn’t answer: what you see is old. (' + error.message + ')';
	}
}

async function run() {
	for (;;) {
		if (!state.paused && !document.hidden) {
			await look();
			show();
		}
		await new Promise((done) => setTimeout(done, STEP_MS));
	}
}

/* Choices, remembered by this browser where it allows that. */
function remember(name, value) {
	try {
		localStorage.setItem('bulkhead-' + name, value);
	} catch (error) {
		/* private browsing: then not */
	}
}

function recall(name) {
	try {
		return localStorage.getItem('bulkhead-' + name);
	} catch (error) {
		return null;
	}
}

function setTheme(theme) {
	if (theme === 'auto')
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = theme;
	$('theme').textContent = 'Theme: ' + theme;
}

function setWindow(seconds) {
	state.window = Number(seconds);
	for (const input of $('window').querySelectorAll('input'))
		input.checked = input.value === String(seconds);
	remember('window', seconds);
	if (state.status)
		show();
}

function choosePercentile() {
	const box = el('fieldset', { class: 'choice' }, el('legend', { class: 'hidden' }, 'Which percentile'));
	for (const [value, label] of [['p50_us', 'p50'], ['p95_us', 'p95'], ['p99_us', 'p99']]) {
		const input = el('input', { type: 'radio', name: 'percentile', value, checked: value === state.percentile ? '' : null });
		input.addEventListener('change', () => {
			state.percentile = value;
			showPlots();
		});
		box.append(el('label', {}, input, el('span', {}, label)));
	}
	plots.modules.tools.append(box);
}

function begin() {
	const themes = ['auto', 'light', 'dark'];
	const asked = new URLSearchParams(location.search).get('theme');
	const first = asked || recall('theme');
	setTheme(themes.includes(first) ? first : 'auto');
	setWindow(['60', '300', '900'].includes(recall('window')) ? recall('window') : '300');
	choosePercentile();
	$('theme').addEventListener('click', () => {
		const now = document.documentElement.dataset.theme || 'auto';
		const then = themes[(themes.indexOf(now) + 1) % 3];
		setTheme(then);
		remember('theme', then);
	});
	$('window').addEventListener('change', (e) => setWindow(e.target.value));
	$('pause').addEventListener('click', () => {
		state.paused = !state.paused;
		$('pause').setAttribute('aria-pressed', state.paused);
		$('pause').textContent = state.paused ? 'Go on' : 'Pause';
	});
	$('crash').addEventListener('close', () => history.replaceState(null, '', location.pathname + location.search));
	window.addEventListener('hashchange', openCrash);
	openCrash();
	fill($('crashes'), [['When', '']], [], 'No worker has crashed.');
	run();
}

begin();
