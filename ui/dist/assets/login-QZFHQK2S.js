import{a,b,c}from"./chunk-K2M7CKXQ.js";import"./chunk-HCUHM4T4.js";import"./chunk-Q2VO66J4.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
