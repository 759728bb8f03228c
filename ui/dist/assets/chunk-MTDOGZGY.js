import{C as s}from"./chunk-GKFNS753.js";var i="sl";var c=({code:e})=>s("bdi",{dir:"ltr",class:i,children:[e.slice(0,3)," ",e.slice(3)]});export{c as a};
