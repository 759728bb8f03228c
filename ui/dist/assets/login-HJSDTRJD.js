import{a,b,c}from"./chunk-NLQVTYFQ.js";import"./chunk-4RIW7U4N.js";import"./chunk-FXZA7WR4.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
