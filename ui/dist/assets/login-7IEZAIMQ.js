import{a,b,c}from"./chunk-N2YYP2C7.js";import"./chunk-AVTD6OIR.js";import"./chunk-UFQFUGM7.js";import"./chunk-LKFFYGFW.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
