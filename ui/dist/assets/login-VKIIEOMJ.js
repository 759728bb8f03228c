import{a,b,c}from"./chunk-XEUIXZEG.js";import"./chunk-4KF6U5JI.js";import"./chunk-BD56NCZQ.js";import"./chunk-UAOZ4MDF.js";import"./chunk-3TXHFKDN.js";export{b as Front,a as Language,c as Login};
