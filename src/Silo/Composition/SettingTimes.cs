using System.Globalization;
using System.Text.RegularExpressions;
using Evergrain.Frontend;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Finds times that mean something else than they seem to: .NET reads <c>24:00:00</c> as 24 days, and
/// <c>23:00:00</c> as 23 hours.
/// </summary>
internal static partial class SettingTimes
{
    private const int HoursOfADay = 24;
    private const int TimeoutMilliseconds = 1_000;

    /// <summary>A sentence for each.</summary>
    public static IEnumerable<string> FindMistakes(IConfiguration configuration)
    {
        foreach (var (name, value) in configuration.GetSection(EvergrainOptions.Section).AsEnumerable())
        {
            var time = Hours().Match(value ?? "");
            if (time.Success && int.Parse(time.Groups["hours"].Value, CultureInfo.InvariantCulture) >= HoursOfADay)
            {
                yield return $"{name}: .NET reads '{value}' as days. Write days and hours, as in '1.00:00:00'.";
            }
        }
    }

    [GeneratedRegex(@"^\s*-?(?<hours>[0-9]{1,9}):[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?\s*$", RegexOptions.ExplicitCapture,
        TimeoutMilliseconds)]
    private static partial Regex Hours();
}
