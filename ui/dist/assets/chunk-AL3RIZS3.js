import{D as s}from"./chunk-33JYLQR5.js";var i="ml";var c=({code:e})=>s("bdi",{dir:"ltr",class:i,children:[e.slice(0,3)," ",e.slice(3)]});export{c as a};
