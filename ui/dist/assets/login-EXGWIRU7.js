import{a,b,c}from"./chunk-GHRDACOD.js";import"./chunk-BI2VJQP5.js";import"./chunk-JR4CIWPE.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
