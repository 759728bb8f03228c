import{D as e,o as i,s as a}from"./chunk-YVLHJSMD.js";var l=()=>e("a",{href:`/guide?lang=${i.value}`,children:a("guide.link")});export{l as a};
