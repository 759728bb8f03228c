import{a,b,c}from"./chunk-SHWRGTOA.js";import"./chunk-OTH5FN53.js";import"./chunk-2Z2OT4IF.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
