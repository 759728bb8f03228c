import{a,b,c}from"./chunk-X42O5AGV.js";import"./chunk-T6VBVKUX.js";import"./chunk-MAME6IUO.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
