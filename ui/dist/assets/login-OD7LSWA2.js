import{a,b,c}from"./chunk-46RHKU73.js";import"./chunk-5P2T6CMC.js";import"./chunk-YCKQG5P6.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
