using System.Net;
using Evergrain.Frontend.Access;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend;

/// <summary>Checks each option against the range its attribute states.</summary>
[OptionsValidator]
internal sealed partial class EvergrainRanges : IValidateOptions<EvergrainOptions>;

/// <summary>Checks what attributes cannot say: the keys, and who may listen where.</summary>
internal sealed class EvergrainAccessRules : IValidateOptions<EvergrainOptions>
{
    public ValidateOptionsResult Validate(string? name, EvergrainOptions options)
    {
        var mistakes = new List<string>();
        ApiKeySet.Load(options, mistakes);
        if (!TryParseAddress(options.Address, out var address))
        {
            mistakes.Add($"Address: '{options.Address}' is neither an IP address nor localhost.");
        }
        else if (!IPAddress.IsLoopback(address) && options.ApiKeys.Count == 0 && options.ApiKeysFile is null)
        {
            mistakes.Add($"Address: without API keys the server listens on loopback only, not on {options.Address}; " +
                "give --api-key or --api-keys.");
        }

        return mistakes.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(mistakes);
    }

    internal static bool TryParseAddress(string text, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return text.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(text, out address!);
    }
}
