/**
 * The style of the report: one sheet, inside the page, for screens and for paper. System fonts, no image, no script.
 */

export const STYLE = `
:root{--ink:#16202b;--soft:#5b6875;--line:#dfe4e9;--page:#fff;--wash:#f6f8fa;
--pass:#13795b;--fail:#b3261e;--inconclusive:#8a5a00;--not-supported:#5b6875;--not-run:#5b6875;
--s0:#1f5fbf;--s1:#c2570c;--s2:#6b4fa0}
*{box-sizing:border-box}
html{color-scheme:light}
body{margin:0;background:var(--wash);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1040px;margin:0 auto;background:var(--page);padding:44px 52px 60px;min-height:100vh}
h1{font-size:27px;line-height:1.2;margin:2px 0 4px;letter-spacing:-.015em}
h2{font-size:18px;margin:38px 0 10px;letter-spacing:-.01em}
h3{font-size:16px;margin:0}
p{margin:6px 0}
a{color:inherit;text-decoration:none}
.soft{color:var(--soft)}
.small{font-size:13px}
code,.hex{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-size:12.5px}
header{display:flex;justify-content:space-between;gap:28px;align-items:flex-start;border-bottom:2px solid var(--ink);padding-bottom:20px}
.stamp{text-align:center;border:2.5px solid var(--v);color:var(--v);border-radius:8px;padding:9px 20px 8px;min-width:168px;flex:none}
.stamp b{display:block;font-size:25px;letter-spacing:.04em;line-height:1.15}
.stamp span{font-size:12.5px}
.PASS{--v:var(--pass)}.FAIL{--v:var(--fail)}.INCONCLUSIVE{--v:var(--inconclusive)}.NOT-SUPPORTED,.NOT-RUN{--v:var(--not-run)}
dl.facts{display:grid;grid-template-columns:max-content 1fr max-content 1fr;gap:4px 18px;margin:20px 0 0}
dl.facts dt{color:var(--soft)}
dl.facts dd{margin:0;font-weight:550;overflow-wrap:anywhere}
.bar{display:flex;height:10px;border-radius:5px;overflow:hidden;margin:22px 0 8px;background:var(--line)}
.bar i{background:var(--v)}
.bar i.NOT-SUPPORTED,.bar i.NOT-RUN{background:#b9c2cb}
.counts{display:flex;gap:20px;flex-wrap:wrap}
.matrix{display:grid;grid-template-columns:150px 1fr;gap:7px 14px;align-items:center}
.cells{display:flex;gap:7px;flex-wrap:wrap}
.cell{border:1px solid var(--line);border-left:5px solid var(--v);border-radius:4px;padding:3px 10px 3px 9px;font-size:13px;background:var(--page);min-width:196px}
.cell b{font-weight:650}.cell span{color:var(--v);margin-left:7px;font-size:11.5px;font-weight:650;letter-spacing:.02em}
.cell.NOT-SUPPORTED,.cell.NOT-RUN{color:var(--soft);border-left-color:#b9c2cb}
.findings li{margin:0 0 12px}
.findings{padding-left:0;list-style:none}
.findings li{border-left:4px solid var(--v);padding:1px 0 1px 14px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;font-weight:600;color:var(--soft);font-size:12.5px;border-bottom:1px solid var(--ink);padding:4px 10px 4px 0;vertical-align:bottom}
td{border-bottom:1px solid var(--line);padding:6px 10px 6px 0;vertical-align:top}
td:last-child,th:last-child{padding-right:0}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.verdict{color:var(--v);font-weight:650;font-size:12px;letter-spacing:.02em;white-space:nowrap}
.cause{color:var(--v);font-weight:550;margin-top:2px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 44px}.two td{padding-top:4px;padding-bottom:4px;overflow-wrap:anywhere}.gone td{color:#9aa5b0}
.plots{display:grid;grid-template-columns:1fr 1fr;gap:0 16px}
.meter{display:inline-block;width:44px;height:7px;border-radius:4px;background:var(--line);vertical-align:middle;margin-right:9px;overflow:hidden}
.meter i{display:block;height:100%;background:var(--s0)}
section.check{border-top:1px solid var(--line);padding-top:20px;margin-top:28px;break-inside:auto}
.head{display:flex;align-items:baseline;gap:12px}
.head .id{font-weight:700;min-width:60px}
.head .verdict{margin-left:auto;font-size:14px}
.checks table{margin-top:10px}
.w-done{width:41%}.w-t{width:17%}.w-m{width:20%}
details summary{cursor:pointer;color:var(--soft);font-size:12.5px}
.hex{color:var(--soft);margin-top:3px;overflow-wrap:anywhere}
.hex b{color:var(--fail);font-weight:600}
figure{margin:12px 0 0;border:1px solid var(--line);border-radius:6px;padding:10px 14px 6px;max-width:680px;break-inside:avoid}
figcaption{font-size:13px;font-weight:600;margin-bottom:4px}
figure svg{width:100%;height:auto;display:block}
.key{font-weight:400;color:var(--soft);margin-right:16px;white-space:nowrap;display:inline-block}
.keys{display:block;font-size:12px;min-height:18px}
.key:before{content:"";display:inline-block;width:14px;height:3px;background:var(--k);margin-right:6px;vertical-align:middle;border-radius:2px}
.k0{--k:var(--s0)}.k1{--k:var(--s1)}.k2{--k:var(--s2)}
.grid{stroke:var(--line);stroke-width:1}.mark{stroke:var(--soft);stroke-dasharray:4 4}
.band{fill:var(--pass);opacity:.11}
path.s0,path.s1,path.s2{fill:none;stroke-width:2;stroke-linejoin:round}
path.s0{stroke:var(--s0)}path.s1{stroke:var(--s1)}path.s2{stroke:var(--s2)}
circle.s0{fill:var(--s0)}circle.s1{fill:var(--s1)}circle.s2{fill:var(--s2)}
.tick{font-size:11px;fill:var(--soft)}.axis{font-size:11.5px;fill:var(--soft)}
footer{margin-top:44px;border-top:1px solid var(--line);padding-top:12px;color:var(--soft);font-size:12.5px}
@media(max-width:760px){main{padding:24px 18px}header{flex-direction:column}dl.facts{grid-template-columns:max-content 1fr}.two,.plots{grid-template-columns:1fr}.matrix{grid-template-columns:1fr}
.checks table,.checks tbody,.checks tr,.checks td{display:block}.checks thead{display:none}.checks td{border:0;padding:1px 0}.checks tr{border-bottom:1px solid var(--line);padding:7px 0;display:block}.num{text-align:left}}
@media print{@page{size:A4;margin:14mm}body{background:#fff;font-size:11.5px}main{max-width:none;padding:0;min-height:0}
.checks{break-before:page}tr{break-inside:avoid}.head{break-after:avoid}h2{break-after:avoid}table{font-size:10.5px}details,.meter{display:none}.matrix{gap:3px 12px}.cell{padding:1px 9px}th,.verdict,.cell{font-size:10px}h2{margin-top:22px;font-size:15px}.bar{margin-top:14px}.two{font-size:10.5px}.two td{padding-top:2px;padding-bottom:2px}.small{font-size:10.5px}code,.hex{font-size:10px}}
`;
