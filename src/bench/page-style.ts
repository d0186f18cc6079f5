/** The looks of the bench's page. The eight colours are told apart by colour-blind readers (after Okabe and Ito) on both grounds. */
export const STYLE = `
:root { --ground: #ffffff; --panel: #f6f7f9; --text: #1b1f24; --soft: #59636e; --edge: #d8dde3; --good: #116329; --bad: #b42318;
  --c0: #0067b1; --c1: #c4560a; --c2: #00805c; --c3: #b42318; --c4: #8a3c92; --c5: #8a6d00; --c6: #007c93; --c7: #6b7280; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --panel: #1d2127; --text: #e7eaee; --soft: #9aa5b1; --edge: #343b44; --good: #57c97b; --bad: #ff8a80;
    --c0: #62b5f5; --c1: #f59c4c; --c2: #3ecf9f; --c3: #ff7a6e; --c4: #d391db; --c5: #e3c341; --c6: #4fcde0; --c7: #a3acb8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1280px; padding: 24px 20px 48px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0 0 6px; font-size: 26px; letter-spacing: -0.01em; }
h2 { margin: 32px 0 10px; font-size: 18px; }
.conditions { margin: 0; color: var(--soft); font-size: 13px; }
pre { margin: 14px 0 0; padding: 10px 14px; overflow-x: auto; background: var(--panel); border: 1px solid var(--edge); border-radius: 6px;
  font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.verdict { margin: 16px 0 0; padding: 8px 14px; border-left: 4px solid; background: var(--panel); border-radius: 0 6px 6px 0; }
.good { border-color: var(--good); } .bad { border-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 16px; margin-top: 20px; }
.tile { padding: 12px 16px 14px; background: var(--panel); border: 1px solid var(--edge); border-top: 3px solid var(--colour); border-radius: 6px; }
.tile h3 { margin: 0; font-size: 14px; color: var(--soft); font-weight: 600; }
.tile strong { display: block; font-size: 30px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile small { font-size: 15px; font-weight: 400; color: var(--soft); }
.tile p { margin: 2px 0 0; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 16px; margin-top: 16px; }
figure { margin: 0; padding: 14px 16px 8px; background: var(--panel); border: 1px solid var(--edge); border-radius: 6px; min-width: 0; }
figcaption { font-weight: 600; }
.none { color: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 4px 0 6px; font-size: 13px; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend i { width: 20px; border-top: 3px solid var(--colour); } .legend .dashed i { border-top-style: dashed; }
.plot { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 480px; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--edge); } .axis, .tick { stroke: var(--soft); }
.line { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; } .line.dashed { stroke-dasharray: 5 4; stroke-width: 1.6; }
.mark { fill: var(--colour); stroke: transparent; stroke-width: 12; opacity: 0; } .mark:hover, .mark[opacity="1"] { opacity: 1; }
.c0 { --colour: var(--c0); } .c1 { --colour: var(--c1); } .c2 { --colour: var(--c2); } .c3 { --colour: var(--c3); }
.c4 { --colour: var(--c4); } .c5 { --colour: var(--c5); } .c6 { --colour: var(--c6); } .c7 { --colour: var(--c7); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--edge); }
th { color: var(--soft); font-weight: 600; } .number { text-align: right; }
details { margin-top: 28px; } summary { cursor: pointer; font-weight: 600; margin-bottom: 8px; }
`;
