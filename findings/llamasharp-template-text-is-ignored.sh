#!/usr/bin/env bash
# Package: LLamaSharp and LLamaSharp.Backend.Cpu 0.30.0 (NuGet), `LLamaTemplate`.
# Guess:   `new LLamaTemplate(text)` renders the chat template that it is given, or says that it can not.
# Seen:    It renders no template. It looks for a known mark in the text (`<|im_start|>`) and writes the built-in
#          format of that family. A template with another header, other role names and rules of its own gives the
#          same prompt as the plain one. Only a text without a known mark throws.
# Matters: Templates of newer models add tools, drop old thoughts and set system prompts. None of it is in the prompt,
#          and nothing reports it: answers are only worse than those of a server that renders the template.
# Needs:   .NET 10 SDK, Linux with x64.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="LLamaSharp" Version="[0.30.0]" />
    <PackageReference Include="LLamaSharp.Backend.Cpu" Version="[0.30.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text;
using LLama;
using LLama.Exceptions;
using LLama.Native;

NativeLibraryConfig.All.WithLogCallback((_, _) => { });
const string plain =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
const string own =
    "<|im_start|>system\nHouse rules.<|im_end|>\n" +
    "{% for m in messages %}<|im_start|>{{ m.role | upper }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}";
const string unknown = "{% for m in messages %}<<{{ m.role }}>>{{ m.content }}{% endfor %}";
const string format = "<|im_start|>user\n Hi <|im_end|>\n";
var rows = new (string Name, string Template, string Expected)[]
{
    ("plain", plain, format),
    ("with rules of its own", own, format),
    ("without a known mark", unknown, nameof(MissingTemplateException)),
};
var same = true;
foreach (var (name, text, expected) in rows)
{
    string seen;
    try
    {
        var template = new LLamaTemplate(text);
        template.Add("user", " Hi ");
        seen = Encoding.UTF8.GetString(template.Apply());
    }
    catch (MissingTemplateException exception)
    {
        seen = exception.GetType().Name;
    }
    Console.WriteLine($"{name,-22} {seen.Replace("\n", "\\n")}");
    same &= seen == expected;
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
