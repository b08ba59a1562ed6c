// The demo's page: who answers, whether the login still stands, and buttons that do harm.
export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Limpet demo</title>
<link rel="stylesheet" href="/demo.css">
<link rel="icon" href="data:,">
</head>
<body>
<main>
<header>
<h1>Limpet</h1>
<p>Three apps keep their logins in memory. Every user stays on one of them. Kill one, and see who notices. <a href="/members/">The second scene: logins checked at the edge</a></p>
</header>

<section class="card you" aria-labelledby="you-title">
<h2 id="you-title">You</h2>
<p class="answer"><span class="dot" id="dot"></span><span><strong id="app">…</strong> answers you</span></p>
<p id="login-state" aria-live="polite">…</p>
<form id="login">
<label for="name">Name</label>
<input id="name" maxlength="40" autocomplete="off" value="Ada">
<button type="submit">Log in</button>
</form>
<button id="logout" type="button" hidden>Log out</button>
</section>

<section class="card" aria-labelledby="apps-title">
<h2 id="apps-title">The apps</h2>
<ul id="apps"></ul>
</section>

<section class="card wide" aria-labelledby="traffic-title">
<h2 id="traffic-title">Your last requests, five a second</h2>
<div id="row" role="img" aria-label="who answered the last requests"></div>
<dl>
<div><dt>answered</dt><dd id="answered">0</dd></div>
<div><dt>failed</dt><dd id="failed">0</dd></div>
<div><dt>moved</dt><dd id="moves">0</dd></div>
<div><dt>slowest</dt><dd id="slowest">0 ms</dd></div>
</dl>
</section>
</main>
<script src="/demo.js" type="module"></script>
</body>
</html>
`;
