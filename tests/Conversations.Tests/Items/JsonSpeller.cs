using System.Globalization;
using System.Text;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>Spells a JSON value in one of the many ways that mean the same; the seed chooses.</summary>
internal sealed class JsonSpeller(int seed)
{
    private static readonly Dictionary<char, string> Short = new()
    {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['/'] = "\\/", ['\b'] = "\\b", ['\f'] = "\\f",
        ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
    };

    private readonly Random _random = new(seed);

    public string Spell(Json value) => Space() + value switch
    {
        JsonString text => Spell(text.Text),
        JsonWord word => word.Word,
        JsonNumber number => Spell(number),
        JsonArray array => $"[{string.Join(',', array.Elements.Select(Spell))}{Space()}]",
        JsonObject item => $"{{{string.Join(',', Shuffled(item.Members).Select(Spell))}{Space()}}}",
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    } + Space();

    public T[] Shuffled<T>(T[] values)
    {
        var shuffled = values.ToArray();
        _random.Shuffle(shuffled);
        return shuffled;
    }

    public bool Flip() => _random.Next(2) == 0;

    private string Spell((string Name, Json Value) member) =>
        $"{Space()}{Spell(member.Name)}{Space()}:{Spell(member.Value)}";

    private string Spell(string text)
    {
        var spelled = new StringBuilder("\"");
        for (var i = 0; i < text.Length; i++)
        {
            var isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            if (isPair && Flip())
            {
                spelled.Append(text, i++, 2);
            }
            else if (isPair)
            {
                spelled.Append(Code(text[i++])).Append(Code(text[i]));
            }
            else
            {
                spelled.Append(Spell(text[i]));
            }
        }

        return spelled.Append('"').ToString();
    }

    private string Spell(char unit)
    {
        var mustEscape = unit < ' ' || unit is '"' or '\\' || char.IsSurrogate(unit);
        if (!mustEscape && _random.Next(3) > 0)
        {
            return unit.ToString();
        }

        return Flip() && Short.TryGetValue(unit, out var letter) ? letter : Code(unit);
    }

    private string Code(char unit) =>
        "\\u" + ((int)unit).ToString(Flip() ? "x4" : "X4", CultureInfo.InvariantCulture);

    private string Spell(JsonNumber number)
    {
        var plain = number.Digits.TrimStart('0').PadLeft(1, '0');
        if (number.KeepsSpelling)
        {
            return $"{number.Sign}{plain}e{number.Power}";
        }

        var zeros = _random.Next(4);
        var digits = plain + new string('0', zeros);
        var whole = digits[0] == '0' ? 1 : _random.Next(1, digits.Length + 1);
        var point = whole == digits.Length ? "" : ".";
        var power = number.Power - zeros + digits.Length - whole;
        var plus = power >= 0 && Flip() ? "+" : "";
        var exponent = power == 0 && Flip() ? "" : $"{(Flip() ? "e" : "E")}{plus}{power}";
        return $"{number.Sign}{digits[..whole]}{point}{digits[whole..]}{exponent}";
    }

    private string Space() => _random.Next(6) switch
    {
        0 => " ",
        1 => "\r\n\t",
        _ => "",
    };
}
