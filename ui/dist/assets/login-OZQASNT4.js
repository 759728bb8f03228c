import{a,b,c}from"./chunk-7YSSJYXQ.js";import"./chunk-JAZCX7L2.js";import"./chunk-HI7PQFLR.js";import"./chunk-LKFFYGFW.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
