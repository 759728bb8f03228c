import{a,b,c}from"./chunk-QABSEHUZ.js";import"./chunk-6XU72GX3.js";import"./chunk-WCIUSS2K.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
