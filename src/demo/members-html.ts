// The page of the demo's second scene: a login that every app knows, pages that are open, and the one switch that ends them.
export const MEMBERS_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Limpet demo: sessions at the edge</title>
<link rel="stylesheet" href="/demo.css">
<link rel="icon" href="data:,">
</head>
<body>
<main>
<header>
<h1>Limpet</h1>
<p>Here the login is a signed cookie that all three apps know. No app checks it: Limpet does, before it forwards. One switch ends it everywhere. <a href="/">Back to the first scene</a></p>
</header>

<section class="card you" aria-labelledby="you-title">
<h2 id="you-title">You</h2>
<p id="login-state" aria-live="polite">…</p>
<form id="login">
<label for="name">Name</label>
<input id="name" maxlength="40" autocomplete="off" value="Ada">
<button type="submit">Log in</button>
</form>
<button id="logout" type="button" hidden>Log out</button>
</section>

<section class="card" aria-labelledby="pages-title">
<h2 id="pages-title">Your open pages</h2>
<ul id="pages"></ul>
</section>

<section class="card wide" aria-labelledby="switch-title">
<h2 id="switch-title">The switch</h2>
<p>Ends every session of a user, on all devices, also of cookies that their own framework cannot take back. A new login works at once.</p>
<form id="revoke">
<label for="whom">User</label>
<input id="whom" maxlength="40" autocomplete="off" value="Ada">
<button type="submit">End all sessions</button>
</form>
<p id="told" aria-live="polite"></p>
<dl>
<div><dt>checked</dt><dd id="checked">0</dd></div>
<div><dt>from memory</dt><dd id="hits">0</dd></div>
<div><dt>without a session</dt><dd id="refused">0</dd></div>
</dl>
</section>
</main>
<script src="/members/page.js" type="module"></script>
</body>
</html>
`;
