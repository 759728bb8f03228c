import{a,b,c}from"./chunk-JN7QWFKP.js";import"./chunk-SDAKFTU5.js";import"./chunk-KIB6KTJE.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
