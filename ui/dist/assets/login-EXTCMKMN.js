import{a,b,c}from"./chunk-VP5AENAF.js";import"./chunk-JM2S7BYD.js";import"./chunk-MBPYKJZZ.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
