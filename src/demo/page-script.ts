// What the demo's page does: asks five times a second who answers, and tells the demo which app to harm.
export const PAGE_SCRIPT = `const $ = (id) => document.getElementById(id);
const SHOWN = 100;
let answered = 0, failed = 0, moves = 0, slowest = 0, last = null, user = null;

function mark(colour, title) {
  const bar = document.createElement('i');
  if (colour) bar.style.background = colour; else bar.className = 'failed';
  bar.title = title;
  $('row').append(bar);
  while ($('row').children.length > SHOWN) $('row').firstChild.remove();
}

function show(me) {
  $('app').textContent = me.app;
  $('dot').style.background = me.colour;
  const state = $('login-state');
  if (me.user) {
    state.className = 'good';
    state.textContent = 'Logged in as ' + me.user + '; this app has counted ' + me.visits + ' requests of yours.';
    user = me.user;
  } else if (me.lost) {
    state.className = 'bad';
    state.textContent = (user ? user + ' was logged in' : 'You were logged in') + ' on an app that is gone, and its memory with it. No request failed; log in again.';
  } else {
    state.className = '';
    state.textContent = 'Nobody is logged in here.';
  }
  $('login').hidden = Boolean(me.user);
  $('logout').hidden = !me.user;
}

async function ask() {
  const began = performance.now();
  try {
    const response = await fetch('/me', { cache: 'no-store' });
    if (!response.ok) throw new Error(String(response.status));
    const me = await response.json();
    answered++;
    if (last !== null && last !== me.app) moves++;
    last = me.app;
    show(me);
    mark(me.colour, me.app);
  } catch (error) {
    failed++;
    mark('', 'failed: ' + error.message);
  }
  slowest = Math.max(slowest, performance.now() - began);
  $('answered').textContent = answered;
  $('failed').textContent = failed;
  $('failed').className = failed ? 'bad' : 'good';
  $('moves').textContent = moves;
  $('slowest').textContent = Math.round(slowest) + ' ms';
}

function row(app) {
  const item = document.createElement('li');
  item.dataset.app = app.name;
  const dot = document.createElement('span');
  dot.className = 'dot';
  dot.style.background = app.colour;
  const text = document.createElement('span');
  const name = document.createElement('strong');
  name.textContent = app.name;
  const state = document.createElement('span');
  state.className = 'state';
  text.append(name, state);
  const acts = document.createElement('span');
  acts.className = 'acts';
  for (const act of ['kill', 'hang', 'revive']) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = act;
    button.dataset.act = act;
    button.setAttribute('aria-label', act + ' ' + app.name);
    button.addEventListener('click', () => harm(app.name, act));
    acts.append(button);
  }
  item.append(dot, text, acts);
  return item;
}

async function harm(name, act) {
  await fetch('/_demo/apps/' + name + '/' + act, { method: 'POST', headers: { 'x-limpet-demo': 'yes' } }).catch(() => {});
  look();
}

async function look() {
  try {
    const apps = await (await fetch('/_demo/apps', { cache: 'no-store' })).json();
    for (const app of apps) {
      let item = [...$('apps').children].find((li) => li.dataset.app === app.name);
      if (!item) $('apps').append((item = row(app)));
      item.querySelector('.state').textContent = app.process + ' · Limpet says ' + app.observed + (app.why ? ': ' + app.why : '') + ' · ' + app.users + ' user' + (app.users === 1 ? '' : 's');
      item.querySelector('[data-act=kill]').disabled = app.process === 'killed';
      item.querySelector('[data-act=hang]').disabled = app.process !== 'running';
      item.querySelector('[data-act=revive]').disabled = app.process === 'running';
    }
  } catch { /* the next look tells */ }
}

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  await fetch('/login', { method: 'POST', body: $('name').value }).catch(() => {});
  ask();
});
$('logout').addEventListener('click', async () => {
  user = null;
  await fetch('/logout', { method: 'POST' }).catch(() => {});
  ask();
});
ask();
look();
setInterval(ask, 200);
setInterval(look, 500);
`;
