/** The report's style sheet: one page that reads the same on a screen, in the dark and on paper. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1c1d1f; --soft: #5d6066; --line: #d9d6ce; --fill: #f1efe8;
  --held: #5f7896; --good: #1f6b45; --bad: #a8261c; --badfill: #e7a39d; --warn: #8a5a00; --read: #9db3a4; --verified: #2f7d55; --suspect: #d9a441; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e9e7e1; --soft: #a2a5aa; --line: #34383d; --fill: #1f2226;
  --held: #7f9cc0; --good: #6cc395; --bad: #ff8d80; --badfill: #7d3a34; --warn: #e5b45c; --read: #4d6a58; --verified: #4fae7d; --suspect: #d9a441; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --fill: #f3f3f3;
  --held: #5f7896; --good: #1f6b45; --bad: #a8261c; --badfill: #e7a39d; --warn: #8a5a00; --read: #9db3a4; --verified: #2f7d55; --suspect: #d9a441; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 Georgia, "Times New Roman", serif; }
main { max-width: 61rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1, h2, h3, th, dt, .small, .legend, svg text, .verdict strong, .chips { font-family: system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0 .3rem; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 3rem 0 .6rem; padding-top: .9rem; border-top: 2px solid var(--ink); font-weight: 650; }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; font-weight: 650; }
p, ul, ol { max-width: 44rem; margin: .5rem 0; }
li { margin: .25rem 0; }
.small { font-size: .85rem; color: var(--soft); }
.verdict { margin: 1.6rem 0; padding: 1rem 1.2rem; border-left: 6px solid var(--good); background: var(--fill); }
.verdict.no { border-color: var(--bad); }
.verdict strong { font-size: 1.25rem; color: var(--good); font-weight: 650; }
.verdict.no strong { color: var(--bad); }
.verdict p, .verdict ul { margin: .4rem 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.4rem; margin: 1rem 0; }
dt { font-size: .85rem; color: var(--soft); padding-top: .12rem; }
dd { margin: 0; overflow-wrap: anywhere; }
code, .mono { font: .85em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
h1 span { white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .8rem 0; font-size: .9rem; font-family: system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: .78rem; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); padding: .3rem .5rem .3rem 0; vertical-align: bottom; }
td code { white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: .28rem .5rem .28rem 0; vertical-align: top; }
td.n, th.n { text-align: right; }
details { margin: 1.2rem 0; } summary { cursor: pointer; font: 650 1rem/1.4 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.bad { color: var(--bad); font-weight: 650; } .good { color: var(--good); } .warn { color: var(--warn); font-weight: 650; } .soft { color: var(--soft); }
svg { display: block; width: 100%; height: auto; margin: .8rem 0 .2rem; }
svg .held { fill: var(--held); } svg .unknown { fill: none; stroke: var(--soft); stroke-dasharray: 3 2; } svg .lack { fill: var(--badfill); }
svg .mark { fill: var(--bad); } svg .flag { stroke: var(--bad); stroke-width: .8; stroke-dasharray: 2 2; }
svg .grid { stroke: var(--line); stroke-width: .7; } svg .base { stroke: var(--ink); stroke-width: 1; }
svg .never { fill: none; stroke: var(--soft); stroke-width: .8; stroke-dasharray: 3 2; }
svg .read { fill: var(--read); } svg .verified { fill: var(--verified); } svg .suspect { fill: var(--suspect); }
svg .query { fill: #1c1d1f; font-size: 11px; font-weight: 700; }
svg .tick { fill: var(--soft); font-size: 11px; } svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; font-size: .82rem; color: var(--soft); margin: .2rem 0 1rem; padding: 0; list-style: none; max-width: none; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; vertical-align: -.08rem; }
.legend .never { border: 1px dashed var(--soft); } .legend .tri { width: 0; height: 0; border: .42rem solid transparent; border-top: .75rem solid var(--bad); border-bottom: 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } main { padding: 1.5rem 1rem; } }
@media print { body { font-size: 10.5pt; } main { max-width: none; padding: 0; } h2 { break-after: avoid; margin-top: 1.6rem; } tr, svg, .verdict { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; } thead { display: table-header-group; } .wide { overflow: visible; } * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } @page { margin: 18mm 16mm; } }
`;
