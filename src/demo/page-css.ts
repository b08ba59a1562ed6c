// How the demo's page looks: calm, readable on a phone, in light and dark.
export const PAGE_CSS = `:root {
  color-scheme: light dark;
  --ground: #f6f5f1; --card: #ffffff; --ink: #22262b; --soft: #646b73; --line: #dcdad3; --act: #1f5f8b; --bad: #b3261e; --good: #23764a;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181b; --card: #1e2226; --ink: #e8e6e1; --soft: #9ba3ab; --line: #343a40; --act: #7db7e0; --bad: #f2857c; --good: #7fcf9f; }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 3rem; display: grid; gap: 1rem; grid-template-columns: 1fr; }
@media (min-width: 45rem) { main { grid-template-columns: 1fr 1.4fr; } header, .wide { grid-column: 1 / -1; } }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 0 0 0.75rem; font-size: 0.85rem; font-weight: 600; text-transform: uppercase; letter-spacing: 0.06em; color: var(--soft); }
a { color: var(--act); }
header p { margin: 0.25rem 0 0; color: var(--soft); max-width: 42rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem; min-width: 0; }
.answer { display: flex; align-items: center; gap: 0.6rem; font-size: 1.25rem; margin: 0; }
.dot { width: 1.1rem; height: 1.1rem; border-radius: 50%; background: var(--line); flex: none; }
#login-state { min-height: 3em; margin: 0.5rem 0 0.75rem; }
form { display: flex; gap: 0.5rem; flex-wrap: wrap; align-items: center; }
label { color: var(--soft); }
input { font: inherit; flex: 1 1 7rem; min-width: 0; padding: 0.4rem 0.6rem; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); color: var(--ink); }
button { font: inherit; padding: 0.4rem 0.8rem; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); color: var(--ink); cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--act); }
button:disabled { opacity: 0.4; cursor: default; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
ul { list-style: none; margin: 0; padding: 0; }
li { display: grid; grid-template-columns: 1.1rem 1fr auto; gap: 0.3rem 0.6rem; align-items: center; padding: 0.55rem 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; padding-top: 0; }
.state { color: var(--soft); font-size: 0.9rem; display: block; overflow-wrap: anywhere; }
.acts { display: flex; gap: 0.35rem; flex-wrap: wrap; justify-content: flex-end; }
@media (max-width: 30rem) { li { grid-template-columns: 1.1rem 1fr; } .acts { grid-column: 2; justify-content: flex-start; } }
#row { display: flex; gap: 2px; height: 2.2rem; overflow: hidden; justify-content: flex-end; }
#row i { flex: 0 0 8px; border-radius: 3px; }
#row i.failed { background: repeating-linear-gradient(45deg, var(--bad) 0 3px, transparent 3px 6px); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: 0.5rem; margin: 1rem 0 0; }
dt { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.bad { color: var(--bad); }
.good { color: var(--good); }
`;
