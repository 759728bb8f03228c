import{a}from"./chunk-RJUM3A2X.js";import"./chunk-3TXHFKDN.js";export{a as reactions};
