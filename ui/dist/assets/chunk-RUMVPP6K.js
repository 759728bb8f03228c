import{R as a,h as t}from"./chunk-LDG24YAJ.js";var u=t(null),l=t(null);async function r(){try{u.value=await a.state(),l.value=null}catch(e){l.value=e}}export{u as a,l as b,r as c};
