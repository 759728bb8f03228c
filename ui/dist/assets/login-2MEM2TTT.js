import{a,b,c}from"./chunk-LZLV3XHV.js";import"./chunk-ZGPOL36L.js";import"./chunk-AQ3LPBYC.js";import"./chunk-LKFFYGFW.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
