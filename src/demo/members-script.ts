// What the second scene's page does: keeps three pages open, and measures how soon the switch closes them.
export const MEMBERS_SCRIPT = `const $ = (id) => document.getElementById(id);
const PAGES = ['inbox', 'orders', 'chat'];
let user = null, revokedAt = 0, slowest = 0, open = new Map();

function row(name) {
  const item = document.createElement('li');
  item.dataset.page = name;
  const dot = document.createElement('span');
  dot.className = 'dot';
  const text = document.createElement('span');
  const title = document.createElement('strong');
  title.textContent = name;
  const state = document.createElement('span');
  state.className = 'state';
  text.append(title, state);
  item.append(dot, text);
  $('pages').append(item);
  return item;
}

function state(name, text, colour) {
  const item = [...$('pages').children].find((li) => li.dataset.page === name) ?? row(name);
  item.querySelector('.state').textContent = text;
  item.querySelector('.dot').style.background = colour ?? '';
}

function openPage(name) {
  const source = new EventSource('/members/live?page=' + name);
  open.set(name, source);
  source.onmessage = (event) => {
    const { app, colour, beats } = JSON.parse(event.data);
    state(name, 'open at ' + app + ' · ' + beats + ' beats', colour);
  };
  source.onerror = () => {
    source.close();
    open.delete(name);
    const ms = Math.round(performance.now() - revokedAt);
    if (revokedAt && ms < 5000) {
      slowest = Math.max(slowest, ms);
      state(name, 'closed by Limpet after ' + ms + ' ms');
      $('told').textContent = 'The switch closed the open pages within ' + slowest + ' ms.';
    } else state(name, 'closed');
    me();
  };
}

function closeAll() {
  for (const source of open.values()) source.close();
  open = new Map();
  for (const name of PAGES) state(name, 'closed');
}

async function me() {
  const response = await fetch('/members/me', { cache: 'no-store' }).catch(() => null);
  const line = $('login-state');
  if (response?.ok) {
    const found = await response.json();
    user = found.user;
    line.className = 'good';
    line.textContent = found.app + ' was told by Limpet: this is ' + found.user + ' (' + found.verdict + ').';
    for (const name of PAGES) if (!open.has(name)) openPage(name);
  } else if (response?.status === 401) {
    line.className = user ? 'bad' : '';
    line.textContent = user ? 'The session of ' + user + ' was ended. No app was asked: Limpet answered 401.' : 'Nobody is logged in; Limpet answers 401.';
    closeUnlessTold();
  } else line.textContent = 'No answer.';
  const known = response?.ok === true;
  $('login').hidden = known;
  $('logout').hidden = !known;
}

function closeUnlessTold() {
  for (const name of PAGES) if (!$('pages').querySelector('[data-page=' + name + ']')) state(name, 'closed');
}

async function count() {
  try {
    const seen = await (await fetch('/_demo/members', { cache: 'no-store' })).json();
    for (const key of ['checked', 'hits', 'refused']) $(key).textContent = seen[key];
  } catch { /* the next look tells */ }
}

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('whom').value = $('name').value;
  $('told').textContent = '';
  revokedAt = 0;
  user = null;
  await fetch('/members/login', { method: 'POST', body: $('name').value }).catch(() => {});
  me();
});
$('logout').addEventListener('click', async () => {
  revokedAt = 0;
  closeAll();
  await fetch('/members/logout', { method: 'POST' }).catch(() => {});
  user = null;
  me();
});
$('revoke').addEventListener('submit', async (event) => {
  event.preventDefault();
  slowest = 0;
  revokedAt = performance.now();
  const whom = encodeURIComponent($('whom').value);
  const answer = await fetch('/_demo/members/' + whom + '/revoke', { method: 'POST', headers: { 'x-limpet-demo': 'yes' } }).catch(() => null);
  if (!answer?.ok) $('told').textContent = 'The switch did not answer.';
  else if (open.size === 0 && slowest === 0) $('told').textContent = 'In force.';
  me();
});
closeAll();
me();
count();
setInterval(count, 500);
`;
